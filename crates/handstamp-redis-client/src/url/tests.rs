use super::*;

fn parse(text: &str) -> Result<RedisUrl, RedisUrlError> {
    text.parse()
}

#[test]
fn urls_of_one_server_are_parsed() {
    for (text, shown) in [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("valkey://10.0.0.1:7000/2", "redis://10.0.0.1:7000/2"),
        ("REDIS://cache.example/", "redis://cache.example:6379/0"),
        ("redis://redis_1?", "redis://redis_1:6379/0"),
        ("redis://[::1]:7000", "redis://[::1]:7000/0"),
        ("redis://[0:0::1]", "redis://[::1]:6379/0"),
        ("redis://:s3cret@localhost", "redis://:***@localhost:6379/0"),
        ("redis://app:s3cret@localhost", "redis://app:***@localhost:6379/0"),
        ("redis://:@localhost", "redis://localhost:6379/0"),
        ("rediss://localhost:6380/1", "rediss://localhost:6380/1"),
        ("valkeys://localhost", "rediss://localhost:6379/0"),
        ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock?db=0"),
        ("valkey+unix://app:s3cret@/run/a%3F%20b.sock?db=2", "redis+unix://app:***@/run/a? b.sock?db=2"),
        (" redis://localhost\n", "redis://localhost:6379/0"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), shown, "{text:?}");
    }
}

#[test]
fn urls_of_clusters_are_parsed() {
    for (text, shown) in [
        ("redis-cluster://a", "redis-cluster://a:6379"),
        ("redis-cluster://a:1,b:2,[::1]:3/", "redis-cluster://a:1,b:2,[::1]:3"),
        ("valkey-cluster://a:1/0?node=b:2&node=[::1]:3", "redis-cluster://a:1,b:2,[::1]:3"),
        ("redis-cluster://a?node=%5B::1%5D%3A3", "redis-cluster://a:6379,[::1]:3"),
        ("rediss-cluster://app:s3cret@a:1?node=b:2", "rediss-cluster://app:***@a:1,b:2"),
        ("valkeys-cluster://:s3cret@a,b", "rediss-cluster://:***@a:6379,b:6379"),
    ] {
        let url = parse(text).unwrap();
        assert_eq!(url.to_string(), shown, "{text:?}");
        assert!(matches!(url.servers, Servers::Cluster(_)), "{text:?}");
    }
}

#[test]
fn urls_of_sentinels_are_parsed() {
    for (text, shown) in [
        (
            "redis-sentinel://a?sentinelServiceName=main",
            "redis-sentinel://a:26379/0?sentinelServiceName=main",
        ),
        (
            "rediss-sentinel://app:s3cret@a:1,b/2?sentinelServiceName=main&node=[::1]&node=c:3",
            "rediss-sentinel://app:***@a:1,b:26379,[::1]:26379,c:3/2?sentinelServiceName=main",
        ),
        (
            "valkey-sentinel://a/0?sentinelUsername=watch&sentinelPassword=s3cret&sentinelServiceName=main",
            "redis-sentinel://a:26379/0?sentinelServiceName=main&sentinelUsername=watch&sentinelPassword=***",
        ),
        (
            "redis-sentinel://a?sentinelServiceName=main&sentinelPassword=s3cret",
            "redis-sentinel://a:26379/0?sentinelServiceName=main&sentinelPassword=***",
        ),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), shown, "{text:?}");
    }
}

#[test]
fn percent_encoded_parts_are_decoded() {
    let login = parse("redis://a%40b:p%23%3A%2F%25%C3%A4+@localhost").unwrap().login.unwrap();
    assert_eq!((login.user.as_deref(), login.password.as_str()), (Some("a@b"), "p#:/%ä+"));
    let url = parse("redis-sentinel://a?sentinelServiceName=m%26n&sentinelPassword=a+b%26%3D=").unwrap();
    let Servers::Sentinel(sentinels) = url.servers else { panic!("{url:?}") };
    assert_eq!((sentinels.service.as_str(), sentinels.login.unwrap().password.as_str()), ("m&n", "a+b&=="));
}

#[test]
fn an_ipv6_host_is_kept_without_brackets() {
    let host: Host = "[::1]:7000".parse().unwrap();
    assert_eq!((host.name.as_str(), host.port), ("::1", 7000));
}

#[test]
fn invalid_urls_are_rejected() {
    for (text, error) in [
        ("", RedisUrlError::Scheme),
        ("localhost:6379", RedisUrlError::Scheme),
        ("http://localhost", RedisUrlError::Scheme),
        ("redis+cluster://localhost", RedisUrlError::Scheme),
        ("rediss+unix:///run/redis.sock", RedisUrlError::Scheme),
        ("redis-clusters://localhost", RedisUrlError::Scheme),
        ("redis://a:1,b:2", RedisUrlError::Hosts),
        ("redis://", RedisUrlError::Host),
        ("redis:///2", RedisUrlError::Host),
        ("redis://:s3cret@", RedisUrlError::Host),
        ("redis://two words", RedisUrlError::Host),
        ("redis://::1", RedisUrlError::Host),
        ("redis://[::1", RedisUrlError::Host),
        ("redis://[localhost]", RedisUrlError::Host),
        ("redis://:s3/cret@localhost", RedisUrlError::Host),
        ("redis://localhost:", RedisUrlError::Port),
        ("redis://localhost:0", RedisUrlError::Port),
        ("redis://localhost:+1", RedisUrlError::Port),
        ("redis://localhost:70000", RedisUrlError::Port),
        ("redis://localhost:port", RedisUrlError::Port),
        ("redis://[::1]7000", RedisUrlError::Port),
        ("redis://app@localhost", RedisUrlError::Password),
        ("redis://app:@localhost", RedisUrlError::Password),
        ("redis://localhost/sessions", RedisUrlError::Database),
        ("redis://localhost/256", RedisUrlError::Database),
        ("redis://localhost/1/2", RedisUrlError::Database),
        ("redis://localhost?db=2", RedisUrlError::Option),
        ("redis://localhost?node=b:2", RedisUrlError::Option),
        ("redis://app:1#s3cret@localhost", RedisUrlError::Fragment),
        ("redis://:%ff@localhost", RedisUrlError::Utf8),
        ("redis+unix://redis.sock", RedisUrlError::SocketPath),
        ("redis+unix:///", RedisUrlError::SocketPath),
        ("redis+unix:///redis.sock?db=x", RedisUrlError::Database),
        ("redis+unix:///redis.sock?database=1", RedisUrlError::SocketOption),
        ("redis+unix:///redis.sock?db=1&db=1", RedisUrlError::RepeatedOption),
        ("redis-cluster://", RedisUrlError::Host),
        ("redis-cluster://a,", RedisUrlError::Host),
        ("redis-cluster://a/1", RedisUrlError::ClusterDatabase),
        ("redis-cluster://a/b", RedisUrlError::Database),
        ("redis-cluster://a?node=", RedisUrlError::Node),
        ("redis-cluster://a?node=b:port", RedisUrlError::Node),
        ("redis-cluster://a?node=::1", RedisUrlError::Node),
        ("redis-cluster://a?nodes=b:1", RedisUrlError::ClusterOption),
        ("redis-cluster://a?sentinelServiceName=main", RedisUrlError::ClusterOption),
        ("redis-sentinel://a", RedisUrlError::SentinelService),
        ("redis-sentinel://a/0?sentinelServiceName=", RedisUrlError::SentinelService),
        ("redis-sentinel://a?master=main", RedisUrlError::SentinelOption),
        ("redis-sentinel://a?sentinelServiceName=m&sentinelUsername=u", RedisUrlError::SentinelPassword),
        ("redis-sentinel://a?sentinelServiceName=m&sentinelServiceName=n", RedisUrlError::RepeatedOption),
        ("redis-sentinel://a?sentinelServiceName=m&node=b:0", RedisUrlError::Node),
    ] {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn nodes_can_be_given_in_code() {
    let url = RedisUrl::cluster(["a:7000", " b ", "[::1]:1"]).unwrap();
    assert_eq!(url.to_string(), "redis-cluster://a:7000,b:6379,[::1]:1");
    assert!(!url.has_login() && !url.has_tls());
    let url = url.with_login(None, "s3cret").with_tls(true);
    assert_eq!(url.to_string(), "rediss-cluster://:***@a:7000,b:6379,[::1]:1");
    assert!(url.has_login() && url.has_tls());
    assert_eq!(RedisUrl::cluster([] as [&str; 0]), Err(RedisUrlError::Node));
    assert_eq!(RedisUrl::cluster(["a", "b:"]), Err(RedisUrlError::Node));
    assert!(!parse("redis+unix:///redis.sock").unwrap().with_tls(true).has_tls());
}

#[test]
fn nothing_shows_a_password() {
    for text in [
        "redis://app:s3cret@localhost",
        "redis+unix://app:s3cret@/run/redis.sock",
        "redis-cluster://:s3cret@a,b",
        "redis-sentinel://:s3cret@a?sentinelServiceName=m&sentinelUsername=u&sentinelPassword=s3cret",
    ] {
        let url = parse(text).unwrap();
        assert!(!format!("{url} {url:?} {:?} {:?}", url.servers, url.login).contains("s3"), "{text:?}");
    }
    for text in [
        "redis://:s3cret@",
        "s3cret://localhost",
        "redis://:s3/cret@localhost",
        "redis-cluster://a?node=s3cret@b",
        "redis-sentinel://a?s3cret",
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3"), "{text:?}");
    }
}
