//! The shapes values may have: a JSON schema reduced to what is used of it.

use crate::format::Format;

/// What a value may be.
pub(crate) enum Shape {
    Object(Vec<Field>),
    List {
        item: Box<Shape>,
        at_least: usize,
    },
    /// Names of the writer's choice.
    Map(Box<Shape>),
    Words(Vec<Word>),
    Integer {
        min: i128,
        max: i128,
    },
    Text {
        format: Option<&'static Format>,
        numbers: Numbers,
    },
    /// Whatever it is, nobody looks at it.
    Any,
}

/// Whether a text may be written as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    Allowed,
    Refused,
}

/// One of the words that may be written.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) meaning: String,
}

/// A field of an object.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// Paragraphs for the reader of the reference.
    pub(crate) meaning: String,
    /// What a number counts.
    pub(crate) unit: Option<String>,
    /// What holds where the field is left out, as it is shown.
    pub(crate) default: Option<String>,
    /// When a change takes effect; nothing for what is kept.
    pub(crate) change: Option<String>,
    /// Where the field takes effect, if not in this process.
    pub(crate) kept: Option<String>,
    /// Why the field may not be written.
    pub(crate) refused: Option<String>,
    pub(crate) shown: Shown,
    pub(crate) standing: Standing,
}

/// Whether anybody may see what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Always,
    Never,
}

/// Whose field it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Azure IoT Operations has it.
    Model,
    /// Only this broker has it.
    Own,
    /// Azure IoT Operations has it, and writes it itself.
    Ignored,
}

impl Field {
    /// Whether somebody who asks what there is should hear of it.
    pub(crate) fn is_offered(&self) -> bool {
        self.refused.is_none() && self.standing != Standing::Ignored
    }
}

impl Shape {
    /// The fields of an object, of a list's entries, of a map's values.
    pub(crate) fn fields(&self) -> &[Field] {
        match self {
            Self::Object(fields) => fields,
            Self::List { item, .. } => item.fields(),
            Self::Map(values) => values.fields(),
            _ => &[],
        }
    }

    /// The field at a path such as `ports[0].tls.mode`; indices do not matter, nor do names in a map.
    pub(crate) fn field(&self, path: &str) -> Option<&Field> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let name = first.split('[').next().unwrap_or(first);
        let field = self.fields().iter().find(|field| field.name == name)?;
        let rest = match field.shape.is_map() {
            true => rest.and_then(|rest| rest.split_once('.').map(|(_, rest)| rest)),
            false => rest,
        };
        match rest {
            Some(rest) => field.shape.field(rest),
            None => Some(field),
        }
    }

    /// Whether names of the writer's choice come next.
    pub(crate) fn is_map(&self) -> bool {
        match self {
            Self::Map(_) => true,
            Self::List { item, .. } => item.is_map(),
            _ => false,
        }
    }

    /// What would be right, as a phrase.
    pub(crate) fn expected(&self, unit: Option<&str>) -> String {
        match self {
            Self::Object(fields) => {
                let names: Vec<&str> = fields.iter().filter(|f| f.is_offered()).map(|f| f.name.as_str()).collect();
                format!("give fields, one a line: {}", names.join(", "))
            }
            Self::List { .. } => "give a list; each entry begins with -".to_owned(),
            Self::Map(_) => "give names with values, one a line".to_owned(),
            Self::Words(words) => {
                let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
                match words[..] {
                    [only] => format!("give {only}"),
                    _ => format!("give one of {}", words.join(", ")),
                }
            }
            Self::Integer { min, max } => {
                let of = unit.map(|unit| format!(" of {unit}")).unwrap_or_default();
                format!("give a number{of} from {min} to {max}")
            }
            Self::Text { format: Some(format), .. } => format.expected.to_owned(),
            Self::Text { format: None, .. } => "give text".to_owned(),
            Self::Any => "give anything".to_owned(),
        }
    }
}
