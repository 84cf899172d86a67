//! Templates that post-processors put around a text's tokens.
//!
//! The `tokenizers` crate checks them where a program makes them and not where it reads them, and panics when it applies
//! one that names what is not there.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::PostProcessorWrapper;

/// A template for one text, or a sequence of post-processors, or one without a template.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    single: Vec<Piece>,
    #[serde(default)]
    special_tokens: Map<String, Value>,
    #[serde(default)]
    processors: Vec<Part>,
}

#[derive(Deserialize)]
enum Piece {
    SpecialToken { id: String },
    Sequence { id: String },
}

/// Checks that all that the templates of a post-processor name for one text is there.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn check(processor: &PostProcessorWrapper) -> Result<(), String> {
    // By way of JSON, since the crate does not give its templates away.
    let value = serde_json::to_value(processor).map_err(|error| error.to_string())?;
    check_part(&Part::deserialize(value).map_err(|error| error.to_string())?)
}

fn check_part(part: &Part) -> Result<(), String> {
    for piece in &part.single {
        match piece {
            Piece::SpecialToken { id } if !part.special_tokens.contains_key(id) => {
                return Err(format!(
                    "its template has the token {id:?}, which is none of its special tokens"
                ));
            }
            Piece::Sequence { id } if id != "A" => {
                return Err("its template for one text asks for a second one".to_owned());
            }
            Piece::SpecialToken { .. } | Piece::Sequence { .. } => {}
        }
    }
    part.processors.iter().try_for_each(check_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(single: &Value, nested: bool) -> Result<(), String> {
        let template = json!({
            "type": "TemplateProcessing",
            "single": single,
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        });
        let processor = if nested {
            json!({"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": true,
                "trim_offsets": true, "use_regex": true}, template]})
        } else {
            template
        };
        check(&serde_json::from_value(processor).unwrap())
    }

    #[test]
    fn templates_name_their_special_tokens_and_one_text() {
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let token = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
        for nested in [false, true] {
            assert_eq!(checked(&json!([token("<s>"), text]), nested), Ok(()));
            let unknown = checked(&json!([text, token("</s>")]), nested).unwrap_err();
            assert!(unknown.contains("</s>"), "{unknown}");
            let second = json!([{"Sequence": {"id": "B", "type_id": 0}}]);
            assert!(checked(&second, nested).unwrap_err().contains("second"));
        }
    }
}
