//! XMP (ISO 16684-1): properties in RDF, each an attribute or an element of a description.

use roxmltree::{Document, Node, ParsingOptions};

use super::{CaptureTime, Location, Metadata, clean, fill};
use crate::media::Orientation;

/// Packets are a few kilobytes, or some hundred with an editor's history. The parser's time grows with the square of what
/// is forged.
const MAX_PACKET_BYTES: usize = 512 << 10;

/// Most elements and texts of a packet.
const MAX_NODES: u32 = 50_000;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
const BASIC: &str = "http://ns.adobe.com/xap/1.0/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
const EXIF_EXTENDED: &str = "http://cipa.jp/exif/1.0/";
const LENS: &str = "http://ns.adobe.com/exif/1.0/aux/";

/// Reads a packet.
pub(super) fn read(packet: &[u8], metadata: &mut Metadata) {
    with_descriptions(packet, |description| read_description(description, metadata));
}

/// How a packet says that the image is to be turned.
pub(in crate::media) fn orientation(packet: &[u8]) -> Option<Orientation> {
    let mut found = None;
    with_descriptions(packet, |description| {
        let number = description.text(TIFF, "Orientation");
        fill(&mut found, number.and_then(|number| number.parse().ok()));
    });
    found.and_then(Orientation::from_exif)
}

/// Shows each description of a packet to `read`.
fn with_descriptions(packet: &[u8], mut read: impl FnMut(Description<'_, '_>)) {
    if packet.len() > MAX_PACKET_BYTES {
        return;
    }
    let Ok(packet) = std::str::from_utf8(packet) else {
        return;
    };
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let packet = packet.trim_matches(|c: char| c == '\0' || c == '\u{feff}' || c.is_whitespace());
    let Ok(document) = Document::parse_with_options(packet, options) else {
        return;
    };
    let descriptions = document
        .descendants()
        .filter(|node| node.has_tag_name((RDF, "Description")));
    descriptions.map(Description).for_each(&mut read);
}

fn read_description(description: Description<'_, '_>, metadata: &mut Metadata) {
    for (namespace, name) in [
        (EXIF, "DateTimeOriginal"),
        (PHOTOSHOP, "DateCreated"),
        (BASIC, "CreateDate"),
    ] {
        metadata.add_time(
            description
                .text(namespace, name)
                .and_then(|text| CaptureTime::parse(&text)),
        );
    }
    fill(&mut metadata.make, description.text(TIFF, "Make"));
    fill(&mut metadata.model, description.text(TIFF, "Model"));
    let lens = description.text(EXIF_EXTENDED, "LensModel");
    fill(&mut metadata.lens, lens.or_else(|| description.text(LENS, "Lens")));
    fill(&mut metadata.location, description.location());
    fill(&mut metadata.title, description.text(DUBLIN_CORE, "title"));
    fill(&mut metadata.caption, description.text(DUBLIN_CORE, "description"));
    metadata.add_keywords(description.list(DUBLIN_CORE, "subject"));
    let rating = description
        .text(BASIC, "Rating")
        .and_then(|text| text.parse::<f32>().ok());
    let rating = rating.filter(|rating| (-1.0..=5.0).contains(rating));
    fill(&mut metadata.rating, rating.map(|rating| rating.round() as i8));
}

/// A description of the photograph.
#[derive(Clone, Copy)]
struct Description<'a, 'input>(Node<'a, 'input>);

impl<'a, 'input> Description<'a, 'input> {
    fn element(&self, namespace: &'static str, name: &'static str) -> Option<Node<'a, 'input>> {
        self.0.children().find(|node| node.has_tag_name((namespace, name)))
    }

    /// The items of a property that is a list.
    fn items(element: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
        element.descendants().filter(|node| node.has_tag_name((RDF, "li")))
    }

    /// A property's text: of alternatives in several languages the default one, or else the first.
    fn text(&self, namespace: &'static str, name: &'static str) -> Option<String> {
        if let Some(text) = self.0.attribute((namespace, name)) {
            return clean(text);
        }
        let element = self.element(namespace, name)?;
        let is_default = |item: &Node<'_, '_>| item.attribute((XML, "lang")) == Some("x-default");
        let item = Self::items(element)
            .find(is_default)
            .or_else(|| Self::items(element).next());
        clean(item.unwrap_or(element).text()?)
    }

    /// A property's texts.
    fn list(&self, namespace: &'static str, name: &'static str) -> Vec<String> {
        let items = self.element(namespace, name).into_iter().flat_map(Self::items);
        items.filter_map(|item| clean(item.text()?)).collect()
    }

    fn location(&self) -> Option<Location> {
        let degrees = |name| self.text(EXIF, name).and_then(|text| parse_degrees(&text));
        let altitude = self.text(EXIF, "GPSAltitude").and_then(|text| parse_fraction(&text));
        let below = self.text(EXIF, "GPSAltitudeRef").as_deref() == Some("1");
        let altitude = altitude.map(|metres| if below { -metres } else { metres });
        Location::new(degrees("GPSLatitude")?, degrees("GPSLongitude")?, altitude)
    }
}

/// Degrees of `DD,MM,SSk` or `DD,MM.mmk`, where `k` is N, S, E or W.
fn parse_degrees(text: &str) -> Option<f64> {
    let (at, direction) = text.char_indices().last()?;
    let sign = match direction {
        'N' | 'E' => 1.0,
        'S' | 'W' => -1.0,
        _ => return None,
    };
    let parts = text[..at].split(',').map(|part| part.trim().parse::<f64>().ok());
    let parts = parts.collect::<Option<Vec<_>>>()?;
    let degrees = parts
        .iter()
        .zip([1.0, 60.0, 3600.0])
        .map(|(part, unit)| part / unit)
        .sum::<f64>();
    (parts.len() <= 3).then_some(sign * degrees)
}

/// A fraction `3/2`, or a number.
fn parse_fraction(text: &str) -> Option<f64> {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let value = over.trim().parse::<f64>().ok()? / under.trim().parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}
