//! The OpenAPI 3.1 document, put together from the types while the routes are.

use axum::http::{Method, StatusCode};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::query::of_type;
use crate::admin::problem::{PROBLEM_JSON, Problem};

/// The document while routes are added.
pub(super) struct Document {
    schemas: SchemaGenerator,
    paths: Map<String, Value>,
}

/// A parameter in a path.
pub(super) type PathParameter = fn(&mut SchemaGenerator) -> Schema;

/// One operation while it is described.
pub(super) struct Draft<'a> {
    schemas: &'a mut SchemaGenerator,
    id: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
}

impl Document {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self { schemas: settings.into_generator(), paths: Map::new() }
    }

    /// Adds an operation.
    pub(super) fn add(&mut self, method: &Method, path: &str, describe: impl FnOnce(Draft<'_>) -> Draft<'_>) {
        let schemas = &mut self.schemas;
        let (parameters, responses) = (Vec::new(), Map::new());
        let draft = Draft { schemas, id: "", summary: "", parameters, body: None, responses };
        let Draft { id, summary, parameters, body, responses, .. } = describe(draft);
        let tag = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next()).unwrap_or("endpoint");
        let mut operation = json!({
            "operationId": id,
            "summary": summary,
            "tags": [tag],
            "parameters": parameters,
            "responses": responses,
        });
        if let Some(schema) = body {
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let methods = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(method.as_str().to_ascii_lowercase(), operation);
        }
    }

    pub(super) fn into_json(mut self) -> Value {
        let schemas = self.schemas.take_definitions(true);
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Causeway admin API",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Clients, sessions, subscriptions, retained messages, dataflows and the configuration of one process.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            // The empty one: without a configured token there is none to show.
            "security": [{ "token": [] }, {}],
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "Asked for where the configuration has diagnostics.admin.tokenSecretRef.",
                    },
                },
            },
        })
    }
}

impl Draft<'_> {
    pub(super) fn id(self, id: &'static str, summary: &'static str) -> Self {
        Self { id, summary, ..self }
    }

    /// A parameter in the path.
    pub(super) fn path(mut self, name: &str, description: &str, schema: PathParameter) -> Self {
        let schema = schema(self.schemas);
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "description": description, "schema": schema,
        }));
        self
    }

    /// The parameters of the query: the fields of `T`.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        self.parameters.extend(fields.into_iter().map(|(name, field)| query_parameter(&name, field)));
        self
    }

    /// What the request carries, in JSON.
    pub(super) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(json!(self.schemas.subschema_for::<T>()));
        self
    }

    /// A JSON answer with status 200.
    pub(super) fn json<T: JsonSchema>(self, description: &str) -> Self {
        self.json_with::<T>(StatusCode::OK, description)
    }

    pub(super) fn json_with<T: JsonSchema>(self, status: StatusCode, description: &str) -> Self {
        let schema = json!(self.schemas.subschema_for::<T>());
        self.answer(status, description, Some(("application/json", schema)))
    }

    /// A text answer with status 200.
    pub(super) fn text(self, description: &str, content_type: &str) -> Self {
        self.text_with(StatusCode::OK, description, content_type)
    }

    pub(super) fn text_with(self, status: StatusCode, description: &str, content_type: &str) -> Self {
        self.answer(status, description, Some((content_type, json!({ "type": "string" }))))
    }

    /// An answer with status 204.
    pub(super) fn empty(self, description: &str) -> Self {
        self.answer(StatusCode::NO_CONTENT, description, None)
    }

    /// A refusal: problem details.
    pub(super) fn refused(self, status: StatusCode, description: &str) -> Self {
        let schema = json!(self.schemas.subschema_for::<Problem>());
        self.answer(status, description, Some((PROBLEM_JSON, schema)))
    }

    fn answer(mut self, status: StatusCode, description: &str, content: Option<(&str, Value)>) -> Self {
        let answer = match content {
            Some((content_type, schema)) => {
                json!({ "description": description, "content": { content_type: { "schema": schema } } })
            }
            None => json!({ "description": description }),
        };
        self.responses.insert(status.as_str().to_owned(), answer);
        self
    }
}

fn query_parameter(name: &str, mut field: Value) -> Value {
    let kind = of_type(&field).to_owned();
    let description = match &mut field {
        Value::Object(field) => {
            field.insert("type".to_owned(), Value::String(kind));
            if field.get("default").is_some_and(Value::is_null) {
                field.remove("default");
            }
            field.remove("description").unwrap_or_default()
        }
        _ => Value::Null,
    };
    json!({ "name": name, "in": "query", "required": false, "description": description, "schema": field })
}
