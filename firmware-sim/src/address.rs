//! Where the service is: an address such as `https://pasje.example:8443`, or `http://` on this machine alone.

use std::net::IpAddr;

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum AddressError {
    #[error("`{0}` is no address of a service; one looks like https://pasje.example:8443 or http://127.0.0.1:8080")]
    NotUnderstood(String),
    #[error("`{0}` is not on this machine: a service elsewhere is asked over https:// alone")]
    NeedsTls(String),
    #[error("`{0}` is https, and this terminal knows no CA for it: enrol it with `firmware-sim enrol`")]
    NeedsCa(String),
    #[error("the terminal's `ca` cannot be used: {0}; enrol the terminal again")]
    Ca(String),
}

/// Where the service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As in `Host`.
    pub(crate) authority: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_https: bool,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let not_understood = || AddressError::NotUnderstood(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(not_understood)?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        if !(is_https || scheme.eq_ignore_ascii_case("http")) || authority.contains(['/', '?', '#', '@']) {
            return Err(not_understood());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| not_understood())?),
            _ => (authority.as_str(), if is_https { 443 } else { 80 }),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match (host.is_empty(), is_here || is_https) {
            (true, _) => Err(not_understood()),
            (false, false) => Err(AddressError::NeedsTls(url.to_owned())),
            (false, true) => Ok(Self { authority, host, port, is_https }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        for (url, host, port, is_https) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080, false),
            ("http://localhost:8080/", "localhost", 8080, false),
            ("HTTP://LOCALHOST", "localhost", 80, false),
            ("http://[::1]:9", "::1", 9, false),
            ("http://[::1]", "::1", 80, false),
            ("https://Pasje.example", "pasje.example", 443, true),
            ("https://192.0.2.1:8443/", "192.0.2.1", 8443, true),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.host.as_str(), address.port, address.is_https), (host, port, is_https), "{url}");
        }
    }

    #[test]
    fn plain_http_goes_no_further_than_this_machine() {
        for url in ["http://till.example", "http://192.0.2.1:80", "http://localhost.example", "http://0.0.0.0:80"] {
            assert_eq!(Address::parse(url), Err(AddressError::NeedsTls(url.to_owned())), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for url in [
            "",
            "127.0.0.1:8080",
            "ftp://localhost",
            "http://",
            "https://",
            "http://localhost/api",
            "https://a@b",
            "http://localhost:x",
        ] {
            assert!(matches!(Address::parse(url), Err(AddressError::NotUnderstood(_))), "{url}");
        }
    }
}
