//! From the JSON schema of a type to its shape.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::shape::{Field, Numbers, Shape, Shown, Standing, Word};
use crate::format;

/// The shape of a type.
pub(crate) fn shape_of<T: JsonSchema>() -> Shape {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with(|s| s.inline_subschemas = true);
    shape(settings.into_generator().into_root_schema_for::<T>().as_value())
}

fn shape(schema: &Value) -> Shape {
    let Some(schema) = present(schema) else { return Shape::Any };
    if let Some(words) = words(schema) {
        return Shape::Words(words);
    }
    let types = types(schema);
    let has = |name: &str| types.contains(&name);
    if has("object") {
        return match (schema.get("properties"), schema.get("additionalProperties")) {
            (None, Some(values @ Value::Object(_))) => Shape::Map(Box::new(shape(values))),
            _ => Shape::Object(fields(schema)),
        };
    }
    if has("array") {
        let at_least = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
        let item = Box::new(schema.get("items").map_or(Shape::Any, shape));
        return Shape::List { item, at_least: usize::try_from(at_least).unwrap_or(usize::MAX) };
    }
    if has("string") {
        let format = schema.get("format").and_then(Value::as_str).and_then(format::by_name);
        let numbers = if has("number") { Numbers::Allowed } else { Numbers::Refused };
        return Shape::Text { format, numbers };
    }
    if has("integer") {
        let bound = |name: &str, otherwise: i128| schema.get(name).and_then(whole).unwrap_or(otherwise);
        return Shape::Integer {
            min: bound("minimum", i128::from(i64::MIN)),
            max: bound("maximum", i128::from(u64::MAX)),
        };
    }
    Shape::Any
}

fn fields(schema: &Map<String, Value>) -> Vec<Field> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n.as_str() == Some(name)));
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    properties.iter().map(|(name, schema)| field(name, schema, is_required(name))).collect()
}

fn field(name: &str, schema: &Value, required: bool) -> Field {
    let said = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
    let is = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    let standing = match (is("x-own"), is("x-ignored")) {
        (true, _) => Standing::Own,
        (_, true) => Standing::Ignored,
        _ => Standing::Model,
    };
    Field {
        name: name.to_owned(),
        shape: shape(schema),
        required,
        meaning: said("description").unwrap_or_default(),
        unit: said("x-unit"),
        default: said("x-default"),
        change: said("x-change"),
        kept: said("x-kept"),
        refused: said("x-refused"),
        shown: if is("x-secret") { Shown::Never } else { Shown::Always },
        standing,
    }
}

/// The schema without the alternative of null: for a document, null is the same as nothing.
fn present(schema: &Value) -> Option<&Map<String, Value>> {
    let schema = schema.as_object()?;
    let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) else { return Some(schema) };
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    alternatives.iter().find(|schema| !is_null(schema)).and_then(present)
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(only)) => vec![only],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The words of an enumeration: each with its meaning, or all in a list.
fn words(schema: &Map<String, Value>) -> Option<Vec<Word>> {
    let word = |text: &str, meaning: &str| Word { text: text.to_owned(), meaning: meaning.to_owned() };
    if let Some(alternatives) = schema.get("oneOf").and_then(Value::as_array) {
        let one = |schema: &Value| {
            let meaning = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let text = schema.get("const").or_else(|| schema.get("enum")?.get(0))?.as_str()?;
            Some(word(text, meaning))
        };
        return Some(alternatives.iter().filter_map(one).collect());
    }
    if let Some(only) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word(only, "")]);
    }
    let texts = schema.get("enum")?.as_array()?;
    Some(texts.iter().filter_map(Value::as_str).map(|text| word(text, "")).collect())
}

fn whole(number: &Value) -> Option<i128> {
    number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
}
