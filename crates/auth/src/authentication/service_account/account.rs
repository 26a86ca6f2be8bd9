//! The name of a service account.

const PREFIX: &str = "system:serviceaccount:";

/// `system:serviceaccount:NAMESPACE:NAME`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account<'n> {
    pub namespace: &'n str,
    pub name: &'n str,
}

impl<'n> Account<'n> {
    pub fn parse(username: &'n str) -> Option<Self> {
        let (namespace, name) = username.strip_prefix(PREFIX)?.split_once(':')?;
        let is_name = |text: &str| {
            let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let allowed = |byte: u8| letter(byte) || byte == b'-' || byte == b'.';
            let ends = [text.bytes().next(), text.bytes().last()];
            ends.into_iter().all(|end| end.is_some_and(letter)) && text.bytes().all(allowed)
        };
        (is_name(namespace) && is_name(name)).then_some(Self { namespace, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accounts_are_accounts() {
        let parsed = Account::parse("system:serviceaccount:shop:till.1");
        assert_eq!(parsed, Some(Account { namespace: "shop", name: "till.1" }));
        for text in [
            "system:serviceaccount:shop",
            "system:serviceaccount::till",
            "system:serviceaccount:shop:",
            "system:serviceaccount:shop:till:x",
            "system:serviceaccount:../x:till",
            "system:serviceaccount:shop:..",
            "system:node:worker",
            "kubernetes-admin",
            "",
        ] {
            assert_eq!(Account::parse(text), None, "{text}");
        }
    }
}
