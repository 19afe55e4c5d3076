use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use commerce_core::orders::CouponKind;
use commerce_core::staff::StaffAction;
use tower::ServiceExt;

use super::*;

const ABOUT: About = About { shop_name: "Tea & <Cake>", currency: "INR", card_provider: "sandbox", checkout: None };

async fn get(path: &str) -> Response<Body> {
    let request = Request::get(path).body(Body::empty()).unwrap();
    routes::<()>(&ABOUT).oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn every_page_is_whole_and_loads_only_what_is_there() {
    for page in PAGES {
        let html = text(get(&page.path.replace(['{', '}'], "")).await).await;
        assert!(!html.contains("{{"), "{} has something to fill in", page.path);
        assert!(html.contains("Tea &amp; &lt;Cake&gt;"), "{} says the shop's name", page.path);
        assert!(html.contains(page.body), "{} has its body", page.path);
        let loaded: Vec<&str> = html.split('"').filter(|part| part.starts_with("/assets/")).collect();
        assert!(loaded.contains(&format!("/assets/{}/{}", version(), page.script).as_str()), "{} loads its script", page.path);
        for file in loaded {
            let response = get(file).await;
            assert_eq!(response.status(), StatusCode::OK, "{file}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], FOREVER, "{file}");
        }
    }
}

/// The policy of the pages forbids what stands in the page itself.
#[test]
fn no_page_has_a_script_style_or_handler_of_its_own() {
    for page in PAGES {
        let html = page.render(&ABOUT, "v");
        assert!(!html.contains("<style") && !html.contains(" style="), "{}", page.path);
        assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" src=").count(), "{}", page.path);
        assert!(!html.split('<').any(|tag| tag.split('>').next().is_some_and(|tag| tag.contains(" on"))), "{}", page.path);
    }
}

#[test]
fn every_import_of_a_script_is_a_file_of_the_set() {
    for asset in ASSETS.iter().filter(|asset| asset.content_type().starts_with("text/javascript")) {
        let source = std::str::from_utf8(asset.bytes).unwrap();
        assert!(!source.contains("innerHTML") && !source.contains("insertAdjacentHTML"), "{}", asset.path);
        let folder = asset.path.rsplit_once('/').unwrap().0;
        for line in source.lines().filter(|line| line.starts_with("import ")) {
            let wanted = line.split('"').nth(1).unwrap();
            let file = match wanted.strip_prefix("../") {
                Some(above) => above.to_owned(),
                None => format!("{folder}/{}", wanted.strip_prefix("./").unwrap()),
            };
            assert!(ASSETS.iter().any(|asset| asset.path == file), "{} imports {file}", asset.path);
        }
    }
}

#[tokio::test]
async fn a_page_is_kept_and_asked_about() {
    let page = get("/cart").await;
    assert!(page.headers().contains_key(header::ETAG));
    assert_eq!(page.headers()[header::CACHE_CONTROL], ASK_FIRST);
    assert!(page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self'"));
}

#[tokio::test]
async fn people_get_a_page_where_there_is_none_and_programs_a_problem() {
    let router = Router::<()>::new().fallback(missing(&ABOUT));
    let ask = |accept: &str| Request::get("/nowhere").header(header::ACCEPT, accept).body(Body::empty()).unwrap();
    let person = router.clone().oneshot(ask("text/html,application/xhtml+xml")).await.unwrap();
    assert_eq!(person.status(), StatusCode::NOT_FOUND);
    assert!(text(person).await.contains(MISSING.body));
    let program = router.oneshot(ask("application/json")).await.unwrap();
    assert!(!program.headers().contains_key(header::CONTENT_SECURITY_POLICY));
}

#[tokio::test]
async fn files_of_another_version_are_todays_and_not_kept() {
    let old = get("/assets/0123456789abcdef/storefront/shop.js").await;
    assert_eq!(old.status(), StatusCode::OK);
    assert_eq!(old.headers()[header::CACHE_CONTROL], ASK_FIRST);
    assert_eq!(old.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(get("/assets/x/storefront/../../Cargo.toml").await.status(), StatusCode::NOT_FOUND);
}

#[test]
fn every_section_of_the_back_office_is_a_page_that_it_leads_to() {
    let layout = PAGES.iter().find(|page| page.path == "/admin").unwrap().render(&ABOUT, "v");
    let nav = layout.split("<nav").nth(1).and_then(|nav| nav.split("</nav>").next()).unwrap();
    let led: Vec<&str> = nav.split("href=\"").skip(1).filter_map(|link| link.split('"').next()).collect();
    let lists = PAGES.iter().map(|page| page.path).filter(|path| path.starts_with("/admin") && !path.contains('{'));
    assert_eq!(led, lists.filter(|path| *path != "/admin/new-coupon").collect::<Vec<_>>());
}

/// What a choice on a page offers, but for the one that leaves it open.
fn offered(path: &str, chooser: &str) -> Vec<&'static str> {
    let body = PAGES.iter().find(|page| page.path == path).unwrap().body;
    let list = body.split(&format!("<select id=\"{chooser}\"")).nth(1).and_then(|rest| rest.split("</select>").next()).unwrap();
    list.split("<option value=\"")
        .skip(1)
        .filter_map(|option| option.split('"').next())
        .filter(|value| !value.is_empty())
        .collect()
}

#[test]
fn choices_offer_what_there_is() {
    assert_eq!(offered("/admin/log", "action"), StaffAction::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>());
    assert_eq!(offered("/admin/coupons/{code}", "type"), CouponKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
}
