//! Requests to the API, and names as they stand in paths and queries.

use causeway_tests::Broker;
use causeway_tests::http::{self, Response};
use serde_json::Value;

/// A GET.
pub fn get(broker: &Broker, path: &str) -> Response {
    request(broker, "GET", path)
}

pub fn request(broker: &Broker, method: &str, path: &str) -> Response {
    http::request(broker.admin(), method, path, &[]).unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// The JSON of a GET that must be answered with 200.
pub fn json(broker: &Broker, path: &str) -> Value {
    let response = get(broker, path);
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
    response.json()
}

/// The items of a list that fits on one page.
pub fn items(broker: &Broker, path: &str) -> Vec<Value> {
    let page = json(broker, path);
    assert!(page["next"].is_null(), "{path} has more pages: {page}");
    page["items"].as_array().expect("items").clone()
}

/// The items of all pages of a list; `query` without `after`. No page may have more than `limit`.
pub fn all_pages(broker: &Broker, list: &str, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(broker, &format!("{list}?limit={limit}&{query}{after}"));
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= limit, "{} items of {limit}", items.len());
        found.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", encoded(next)),
            None => return found,
        }
    }
}

/// One field of each item, as text.
pub fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_else(|| panic!("{field} in {item}")).to_string()).collect()
}

/// Percent-encodes everything but letters and digits.
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

/// A refusal: its status, and that it is a problem document with the place named.
pub fn assert_problem(response: &Response, status: u16, place: &str) {
    assert_eq!(response.status, status, "{}", response.body);
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{}", response.head);
    let problem = response.json();
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["type"], "about:blank", "{problem}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    let problems = problem["problems"].as_array().expect("problems");
    let named = |flaw: &Value| flaw["place"].as_str().is_some_and(|found| found.contains(place));
    assert!(place.is_empty() || problems.iter().any(named), "no problem names {place}: {problem}");
    for flaw in problems {
        assert!(["text", "expected"].iter().all(|field| flaw[field].as_str().is_some_and(|t| !t.is_empty())), "{flaw}");
    }
}
