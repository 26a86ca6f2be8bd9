//! `{principal.…}` in a rule: a place for something of who asks.

use crate::Principal;

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Username,
    ClientId,
    Attribute(Box<str>),
}

/// Why text between braces is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no token; the tokens are {{principal.username}}, {{principal.clientId}} and {{principal.attributes.NAME}}"
)]
pub struct UnknownToken(pub String);

impl Token {
    /// Reads a token with its braces.
    fn parse(text: &str) -> Result<Self, UnknownToken> {
        let inner = text.strip_prefix("{principal.").and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some("username") => Ok(Self::Username),
            Some("clientId") => Ok(Self::ClientId),
            Some(other) => match other.strip_prefix("attributes.") {
                Some(name) if !name.is_empty() => Ok(Self::Attribute(name.into())),
                _ => Err(UnknownToken(text.to_owned())),
            },
            None => Err(UnknownToken(text.to_owned())),
        }
    }

    /// What it stands for with this principal; `None` where there is nothing, so that the resource matches nothing.
    pub fn value<'p>(&self, principal: &'p Principal) -> Option<&'p str> {
        match self {
            Self::Username => principal.username.as_deref(),
            Self::ClientId => Some(&principal.client_id),
            Self::Attribute(name) => principal.attributes.get(name).map(AsRef::as_ref),
        }
    }
}

/// A piece of a text with tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<str>),
    Token(Token),
}

/// Takes a text apart; a brace that is not part of a token is an error, because braces are reserved.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, UnknownToken> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        if rest[at..].starts_with('}') {
            return Err(UnknownToken("a lone }".to_owned()));
        }
        if at > 0 {
            pieces.push(Piece::Text(rest[..at].into()));
        }
        let end = rest[at..].find('}').ok_or_else(|| UnknownToken(rest[at..].to_owned()))?;
        pieces.push(Piece::Token(Token::parse(&rest[at..=at + end])?));
        rest = &rest[at + end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.into()));
    }
    Ok(pieces)
}

/// The text with its tokens filled in; `None` where one stands for nothing.
pub(crate) fn fill(pieces: &[Piece], principal: &Principal) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(fixed) => text.push_str(fixed),
            Piece::Token(token) => text.push_str(token.value(principal)?),
        }
    }
    Some(text)
}
