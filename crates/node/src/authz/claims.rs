//! Who a client is, as it is written on the command line.

use std::str::FromStr;

use auth::{Principal, Standing};

const CLIENT_ID: &str = "client-id";
const USERNAME: &str = "username";
const ATTRIBUTES: &str = "attributes.";

/// Pairs such as `client-id=pump,username=ann,attributes.building=17`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claims(Vec<Claim>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    ClientId(String),
    Username(String),
    Attribute(String, String),
}

impl FromStr for Claims {
    type Err = String;

    /// A comma ends a value only where another pair begins behind it.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut claims: Vec<Claim> = Vec::new();
        for piece in text.split(',') {
            match (Claim::begin(piece), claims.last_mut()) {
                (Some(claim), _) => claims.push(claim),
                (None, Some(last)) => last.goes_on(piece),
                (None, None) => {
                    return Err(format!("{piece:?} is none of client-id=ID, username=NAME, attributes.NAME=VALUE"));
                }
            }
        }
        Ok(Self(claims))
    }
}

impl Claims {
    /// The client that all of these together describe.
    ///
    /// # Errors
    /// Something is missing, or there twice.
    pub(super) fn principal(all: &[Self]) -> Result<Principal, String> {
        let (mut client_id, mut principal) = (None, Principal::declared("", None));
        for claim in all.iter().flat_map(|claims| &claims.0) {
            let (name, is_first) = match claim {
                Claim::ClientId(id) => (CLIENT_ID.to_owned(), client_id.replace(id.clone()).is_none()),
                Claim::Username(name) => {
                    (USERNAME.to_owned(), principal.username.replace(name.as_str().into()).is_none())
                }
                Claim::Attribute(name, value) => {
                    let before = principal.attributes.insert(name.as_str().into(), value.as_str().into());
                    (format!("{ATTRIBUTES}{name}"), before.is_none())
                }
            };
            if !is_first {
                return Err(format!("--as: {name} is given twice"));
            }
        }
        let client_id = client_id.ok_or_else(|| format!("--as: {CLIENT_ID} is missing; every client has one"))?;
        Ok(Principal { client_id: client_id.into(), standing: Standing::Client, ..principal })
    }
}

impl Claim {
    fn begin(piece: &str) -> Option<Self> {
        let (name, value) = piece.split_once('=')?;
        let value = value.to_owned();
        match name.strip_prefix(ATTRIBUTES) {
            Some(attribute) if !attribute.is_empty() => Some(Self::Attribute(attribute.to_owned(), value)),
            _ if name == CLIENT_ID => Some(Self::ClientId(value)),
            _ if name == USERNAME => Some(Self::Username(value)),
            _ => None,
        }
    }

    fn goes_on(&mut self, piece: &str) {
        let (Self::ClientId(value) | Self::Username(value) | Self::Attribute(_, value)) = self;
        value.push(',');
        value.push_str(piece);
    }
}
