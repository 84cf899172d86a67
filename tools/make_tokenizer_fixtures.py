#!/usr/bin/env python3
"""Makes tests/fixtures/made/tokenizer-*: small tokenizers of the two kinds that SigLIP models have, and what
sentencepiece makes of texts with them.

Run by hand, never by the tests: `pip install sentencepiece protobuf tokenizers`, then `tools/make_tokenizer_fixtures.py`.
Each directory holds tokenizer.json, as the tokenizers library saves it, and reference.json with texts and the ids that
sentencepiece, another program, gives them.
"""

import json
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "made"
SENTENCES = [
    "a photo of a cat on a red sofa", "two dogs play on the beach at sunset", "눈 덮인 산과 호수", "해변에서 노는 강아지 두 마리",
    "une photo d'un chat noir", "ein schneebedeckter Berg", "海辺で遊ぶ犬", "一只在沙发上的猫", "naïve café façade",
]
TEXTS = [
    "a photo of a cat", "snow on a mountain", "눈 덮인 산", "강아지 사진", "un chat sur la plage", "ﬁne ｆｕｌｌｗｉｄｔｈ letters",
    "two  spaces and a\ttab", "unseen: 🦀 žluťoučký", "x" * 300, "",
]


def train(kind, **settings):
    """A sentencepiece model of the project's licence and a few sentences."""
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "corpus.txt"
        corpus.write_text("\n".join([(ROOT / "LICENSE").read_text()] + SENTENCES * 20))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=f"{scratch}/model", model_type=kind, vocab_size=600, num_threads=1,
            minloglevel=2, **settings,
        )
        return (Path(scratch) / "model.model").read_bytes()


def save(name, tokenizer, model):
    directory = FIXTURES / name
    directory.mkdir(exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    end = processor.eos_id()
    # Cut as a model's text is: 64 tokens, the last of them the end.
    rows = [{"text": text, "ids": processor.encode(text)[:63] + [end]} for text in TEXTS]
    (directory / "reference.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def end_with(tokenizer, end):
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {end}", special_tokens=[(end, tokenizer.token_to_id(end))])


def unigram():
    """SigLIP's kind: the most probable pieces, after sentencepiece's own normalisation."""
    model = train("unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=proto.trainer_spec.unk_id))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
        normalizers.Strip(),
        normalizers.Replace(Regex(" {2,}"), " "),
    ])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    end_with(tokenizer, "</s>")
    save("tokenizer-unigram", tokenizer, model)


def byte_fallback():
    """SigLIP 2's kind, which is Gemma's: merges of pairs, and bytes for what has no piece."""
    model = train(
        "bpe", byte_fallback=True, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
        bos_piece="<bos>", normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    vocabulary = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    ordered = sorted(
        (vocabulary[left + right], left, right)
        for whole in vocabulary
        for left, right in ((whole[:cut], whole[cut:]) for cut in range(1, len(whole)))
        if left in vocabulary and right in vocabulary and not whole.startswith("<0x")
    )
    merges = [(left, right) for _, left, right in ordered]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ("<pad>", "<eos>", "<bos>", "<unk>")])
    end_with(tokenizer, "<eos>")
    save("tokenizer-byte-fallback", tokenizer, model)


if __name__ == "__main__":
    unigram()
    byte_fallback()
