//! What a process asks over a link, of the authority or about partitions, and what it is told, as bytes.

use bytes::Bytes;
use identity::AuthorityPair;
use identity::internal::{Issued, JoinRefusal, SigningRequest, TrustedRoots};

const RENEW: u8 = 1;
const ROOTS: u8 = 2;
const VIEW: u8 = 3;
const LISTENER_AUTHORITY: u8 = 4;

const ISSUED: u8 = 0;
const REFUSED: u8 = 1;
const NO_NEWER: u8 = 2;
const NOT_ADMITTED: u8 = 3;
const ROOTS_REPLY: u8 = 4;
const VIEWED: u8 = 5;
const LISTENER_AUTHORITY_REPLY: u8 = 6;

/// A question over a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// For a certificate in place of the one that the link was made with.
    Renew(SigningRequest),
    /// For the list of trusted authorities, if there is a newer one than of that generation.
    Roots { have: u64 },
    /// For what a partition holds, in the form of `backend::BackendView`.
    View(Bytes),
    /// For the authority of the listeners' certificates.
    ListenerAuthority,
}

/// What the authority says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Issued(Box<Issued>),
    Roots(Box<TrustedRoots>),
    NoNewer,
    /// To who wants to join.
    NotAdmitted(JoinRefusal),
    Viewed(Bytes),
    ListenerAuthority(AuthorityPair),
    Refused(String),
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Puzzling {
    #[error("the answer of the authority cannot be read: {0}")]
    Unreadable(#[from] identity::internal::InternalError),
    #[error("the authority answered something else than was asked, or a later release did")]
    Unknown,
}

impl Errand {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Renew(request) => tagged(RENEW, request.der()),
            Self::Roots { have } => tagged(ROOTS, &have.to_le_bytes()),
            Self::View(question) => tagged(VIEW, question),
            Self::ListenerAuthority => vec![LISTENER_AUTHORITY],
        }
    }

    /// `None` for a question of a later release.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, content) = bytes.split_first()?;
        match *tag {
            RENEW => Some(Self::Renew(SigningRequest::from_der(content.to_vec()))),
            ROOTS => Some(Self::Roots { have: u64::from_le_bytes(content.try_into().ok()?) }),
            VIEW => Some(Self::View(Bytes::copy_from_slice(content))),
            LISTENER_AUTHORITY => Some(Self::ListenerAuthority),
            _ => None,
        }
    }
}

impl Reply {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Issued(issued) => tagged(ISSUED, &issued.to_bytes()),
            Self::Roots(roots) => tagged(ROOTS_REPLY, &roots.to_bytes()),
            Self::NoNewer => vec![NO_NEWER],
            Self::NotAdmitted(refusal) => vec![NOT_ADMITTED, refusal.code()],
            Self::Viewed(answer) => tagged(VIEWED, answer),
            Self::ListenerAuthority(pair) => tagged(LISTENER_AUTHORITY_REPLY, &pair.to_bytes()),
            Self::Refused(reason) => tagged(REFUSED, reason.as_bytes()),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Puzzling> {
        let (tag, content) = bytes.split_first().ok_or(Puzzling::Unknown)?;
        match (*tag, content) {
            (ISSUED, issued) => Ok(Self::Issued(Box::new(Issued::from_bytes(issued)?))),
            (ROOTS_REPLY, roots) => Ok(Self::Roots(Box::new(TrustedRoots::from_bytes(roots)?))),
            (NO_NEWER, _) => Ok(Self::NoNewer),
            (NOT_ADMITTED, [code, ..]) => Ok(Self::NotAdmitted(JoinRefusal::from_code(*code))),
            (VIEWED, answer) => Ok(Self::Viewed(Bytes::copy_from_slice(answer))),
            (LISTENER_AUTHORITY_REPLY, pair) => {
                AuthorityPair::from_bytes(pair).map(Self::ListenerAuthority).ok_or(Puzzling::Unknown)
            }
            (REFUSED, reason) => Ok(Self::Refused(String::from_utf8_lossy(reason).into_owned())),
            _ => Err(Puzzling::Unknown),
        }
    }
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + content.len());
    bytes.push(tag);
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use identity::AuthorityPair;
    use identity::internal::{JoinRefusal, SigningRequest};

    use super::{Errand, Reply};

    #[test]
    fn questions_and_answers_are_understood() {
        let questions = [
            (Errand::Renew(SigningRequest::from_der(vec![7, 8])), vec![1, 7, 8]),
            (Errand::Roots { have: 3 }, vec![2, 3, 0, 0, 0, 0, 0, 0, 0]),
            (Errand::View(Bytes::from_static(&[5])), vec![3, 5]),
            (Errand::ListenerAuthority, vec![4]),
        ];
        for (question, bytes) in questions {
            assert_eq!(question.to_bytes(), bytes);
            assert_eq!(Errand::from_bytes(&bytes), Some(question));
        }
        let viewed = Reply::Viewed(Bytes::from_static(&[5]));
        let handed = Reply::ListenerAuthority(AuthorityPair::from_bytes(&[0, 0, 0, 1, 7, 8, 9]).unwrap());
        let refusals = [Reply::NotAdmitted(JoinRefusal::Ended), Reply::Refused("no".to_owned())];
        for reply in refusals.into_iter().chain([Reply::NoNewer, viewed, handed]) {
            assert_eq!(Reply::from_bytes(&reply.to_bytes()).unwrap(), reply);
        }
    }

    #[test]
    fn what_nobody_knows_is_no_question_and_no_answer() {
        for bytes in [&[][..], &[9], &[2, 1]] {
            assert_eq!(Errand::from_bytes(bytes), None);
        }
        for bytes in [&[][..], &[9], &[3], &[0], &[4, 1], &[6, 0]] {
            Reply::from_bytes(bytes).unwrap_err();
        }
    }
}
