//! Why Entra gives no token, in words of whoever has to change something.

use std::path::Path;

use super::named;
use crate::credentials::error::CredentialError;
use crate::credentials::https::Answer;
use crate::credentials::service_account::Projected;
use crate::credentials::settings::UserIdentity;
use crate::credentials::token_answer::Said;

/// Turns an answer other than 200 into an error.
pub(super) fn of(answer: &Answer, identity: &UserIdentity, assertion: &Projected, file: &Path) -> CredentialError {
    let said = answer.said(&[assertion.token.bytes()]);
    let number = number(&said);
    let code = match number {
        Some(number) => format!("AADSTS{number}"),
        None if said.error.is_empty() => format!("status {}", answer.status),
        None => said.error.clone(),
    };
    CredentialError::Entra {
        endpoint: answer.endpoint.clone(),
        status: answer.status,
        remedy: remedy(number, answer.status, identity, assertion, file),
        code,
        text: if said.description.is_empty() {
            String::new()
        } else {
            format!(" ({})", first_sentence(&said.description))
        },
        retry_after: answer.retry_after(),
    }
}

/// The number of `AADSTS70021: ...`, or the first of `error_codes`.
fn number(said: &Said) -> Option<u64> {
    let written = said.description.strip_prefix("AADSTS").map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        &rest[..end]
    });
    written.and_then(|digits| digits.parse().ok()).or(said.code)
}

/// What stands before the identifiers of a trace, without the code.
fn first_sentence(description: &str) -> &str {
    let text = description.split(" Trace ID:").next().unwrap_or(description);
    match text.split_once(": ") {
        Some((code, rest)) if code.starts_with("AADSTS") => rest.trim_end(),
        _ => text.trim_end(),
    }
}

fn remedy(number: Option<u64>, status: u16, identity: &UserIdentity, assertion: &Projected, file: &Path) -> String {
    let UserIdentity { client_id, tenant_id, scope } = identity;
    match number {
        Some(70_021 | 70_025 | 700_211..=700_213) => {
            let credential = described(assertion);
            format!(
                "add a federated credential with {credential}, as the token in {} has them, to the identity {client_id}",
                named(file)
            )
        }
        Some(700_024 | 700_223) => {
            format!(
                "the token in {} is not valid at this moment; see the clocks, and whether the file is renewed",
                named(file)
            )
        }
        Some(700_016) => format!("clientId {client_id} must be the client id of an identity in the tenant {tenant_id}"),
        Some(90_002 | 900_023) => format!("tenantId {tenant_id} must be the id of the tenant in which the identity is"),
        Some(500_011 | 70_011 | 1_002_012) => {
            format!("scope {scope} must be a resource that this tenant knows, with /.default behind it")
        }
        _ if matches!(status, 408 | 429 | 500..) => "it is asked again".to_owned(),
        _ => format!("see the identity {client_id} in the tenant {tenant_id}, and its federated credentials"),
    }
}

/// What a federated credential must say to fit a token.
fn described(assertion: &Projected) -> String {
    let Some(claims) = &assertion.claims else { return "its issuer, subject and audience".to_owned() };
    let or_none = |claim: &Option<String>| claim.clone().unwrap_or_else(|| "(none)".to_owned());
    let (issuer, subject) = (or_none(&claims.iss), or_none(&claims.sub));
    format!("issuer {issuer}, subject {subject} and audience {}", claims.audiences().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_where_it_stands() {
        let said = |description: &str, code| Said { error: String::new(), description: description.to_owned(), code };
        assert_eq!(number(&said("AADSTS70021: No matching", None)), Some(70_021));
        assert_eq!(number(&said("AADSTS700016", Some(1))), Some(700_016));
        assert_eq!(number(&said("something", Some(90_002))), Some(90_002));
        assert_eq!(number(&said("AADSTS: odd", None)), None);
    }

    #[test]
    fn identifiers_of_a_trace_are_left_out() {
        let text = "AADSTS70021: No matching federated identity record found. Trace ID: 1 Correlation ID: 2";
        assert_eq!(first_sentence(text), "No matching federated identity record found.");
        assert_eq!(first_sentence("plain: words"), "plain: words");
    }
}
