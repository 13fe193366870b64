//! The proxy that the environment asks for, by the rules that curl follows.
//!
//! For an `https` address `HTTPS_PROXY`, for an `http` address `HTTP_PROXY`, else `ALL_PROXY`, each in either case;
//! hosts in `NO_PROXY`, and hosts below them, are reached directly.

use ureq::Proxy;

use crate::HubError;

/// The proxy for `url`, from the variables that `variable` answers with.
pub(crate) fn for_url(url: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, HubError> {
    let names: &[&'static str] = if url.starts_with("https:") {
        &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    } else {
        &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    };
    let Some((name, value)) = names.iter().find_map(|name| {
        let value = variable(name).filter(|value| !value.trim().is_empty())?;
        Some((*name, value))
    }) else {
        return Ok(None);
    };
    let bypass = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    let bad = |source: ureq::Error| HubError::BadProxy { variable: name, source: Box::new(source) };
    // The client's builder is the only way to give a proxy its exceptions.
    let plain = Proxy::new(value.trim()).map_err(bad)?;
    let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let Some(user) = plain.username() {
        builder = builder.username(user);
    }
    if let Some(password) = plain.password() {
        builder = builder.password(password);
    }
    for host in bypass.split([',', ' ']).map(str::trim).filter(|host| !host.is_empty()) {
        builder = match host.strip_prefix('.') {
            Some(bare) => builder.no_proxy(bare).no_proxy(host),
            None if host.contains('*') => builder.no_proxy(host),
            None => builder.no_proxy(host).no_proxy(&format!(".{host}")),
        };
    }
    builder.build().map(Some).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn host(url: &str, pairs: &[(&str, &str)]) -> Option<String> {
        for_url(url, with(pairs)).unwrap().map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn the_scheme_chooses_the_variable() {
        let pairs = [("HTTP_PROXY", "http://plain:1"), ("https_proxy", "tls:2"), ("ALL_PROXY", "http://any:3")];
        assert_eq!(host("http://x/f", &pairs).as_deref(), Some("plain:1"));
        assert_eq!(host("https://x/f", &pairs).as_deref(), Some("tls:2"));
        assert_eq!(host("https://x/f", &pairs[2..]).as_deref(), Some("any:3"));
        assert_eq!(host("https://x/f", &pairs[..1]), None);
        assert_eq!(host("https://x/f", &[("HTTPS_PROXY", " ")]), None);
    }

    #[test]
    fn exceptions_hold_for_hosts_and_those_below_them() {
        let pairs = [("ALL_PROXY", "http://user:p%40ss@any:3"), ("NO_PROXY", "localhost, example.com ,.corp")];
        let proxy = for_url("http://x", with(&pairs)).unwrap().unwrap();
        assert_eq!(proxy.username(), Some("user"));
        assert_eq!(proxy.password(), Some("p@ss"));
        for direct in
            ["http://localhost:80/", "http://example.com/", "http://a.example.com/", "http://b.corp/", "http://corp/"]
        {
            assert!(proxy.is_no_proxy(&direct.parse().unwrap()), "{direct}");
        }
        for proxied in ["http://example.org/", "http://notexample.com/"] {
            assert!(!proxy.is_no_proxy(&proxied.parse().unwrap()), "{proxied}");
        }
    }

    #[test]
    fn a_bad_address_names_its_variable_and_not_its_value() {
        let error = for_url("https://x", with(&[("HTTPS_PROXY", "ftp://secret@h")])).expect_err("ftp");
        let message = error.to_string();
        assert!(message.contains("HTTPS_PROXY"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
