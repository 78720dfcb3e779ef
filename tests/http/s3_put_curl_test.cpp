// Objects stored in a bucket: a test server checks each signature as S3 does.

#include <doctest/doctest.h>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/http/s3_put.hpp>
#include <coworker/http/sha256.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/call_server.hpp>
#include <support/temporary_folder.hpp>
#include <vector>

namespace coworker::testing {
namespace {

using coworker::detail::hex_text;
using coworker::detail::hmac_sha256;
using coworker::detail::sha256;

std::string text_between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t found = text.find(before);
  if (found == std::string::npos) return {};
  const std::size_t begin = found + before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}

// Returns what is wrong with the signature of a request; empty: it is valid for that secret. Source: AWS,
// "Authenticating Requests: Using the Authorization Header".
std::string flaw_of(const http_request& asked, const std::string& secret) {
  const std::string authorization(asked.header("Authorization").value_or(""));
  const std::string scheme = "AWS4-HMAC-SHA256 Credential=";
  if (!authorization.starts_with(scheme)) return "Authorization is " + authorization;
  const std::string credential = text_between(authorization, "Credential=", ",");
  const std::string scope = credential.substr(credential.find('/') + 1);
  std::string names = text_between(authorization, "SignedHeaders=", ",");
  const std::string date(asked.header("x-amz-date").value_or(""));
  const std::string payload(asked.header("x-amz-content-sha256").value_or(""));
  if (payload != "UNSIGNED-PAYLOAD" && payload != hex_text(sha256(asked.body)))
    return "the payload's hash is " + payload;
  std::string headers;
  for (std::string rest = names + ";"; !rest.empty(); rest.erase(0, rest.find(';') + 1)) {
    const std::string name = rest.substr(0, rest.find(';'));
    headers += name + ":" + std::string(asked.header(name).value_or("(none)")) + "\n";
  }
  for (const char* const required : {"host", "x-amz-date", "x-amz-content-sha256"}) {
    if ((";" + names + ";").find(";" + std::string(required) + ";") == std::string::npos)
      return std::string(required) + " is not signed";
  }
  if (asked.header("x-amz-security-token") && names.find("x-amz-security-token") == std::string::npos)
    return "the token is not signed";
  const std::string canonical = std::string(asked.method()) + "\n" + std::string(asked.path()) + "\n\n" +
                                headers + "\n" + names + "\n" + payload;
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hex_text(sha256(canonical));
  std::string key = "AWS4" + secret;
  for (std::string rest = scope + "/"; !rest.empty(); rest.erase(0, rest.find('/') + 1))
    key = hmac_sha256(key, rest.substr(0, rest.find('/')));
  const std::string signature = hex_text(hmac_sha256(key, to_sign));
  const std::string given = text_between(authorization + ",", "Signature=", ",");
  return given == signature
             ? ""
             : "the signature is " + given + " and should be " + signature + " of\n" + canonical;
}

class bucket_server {
 public:
  explicit bucket_server(std::string secret)
      : server_([secret = std::move(secret)](const http_request& asked) {
          const std::string flaw = flaw_of(asked, secret);
          if (flaw.empty()) return respond(200);
          return respond(403, "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>" +
                                  flaw + "</Message></Error>");
        }) {}
  s3::account account() const {
    s3::account made;
    made.endpoint_url = server_.url("");
    made.access_key_id = "AKIAIOSFODNN7EXAMPLE";
    made.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    return made;
  }
  std::vector<call_server::asked> requests() const { return server_.requests(); }

 private:
  call_server server_;
};

}  // namespace

TEST_CASE("an object is stored with a valid signature, whatever its key") {
  const bucket_server server("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  const s3::account mine = server.account();
  for (const char* const key : {"plain.txt", "a/b c/d.png", "plus+and&=;,@:$!*'()", "\xc3\xa4/\xe2\x82\xac",
                                "~tilde_-.", "100%", "a//b", "x/../y", "question?mark#hash", "."}) {
    CAPTURE(key);
    CHECK(
        sync_wait(s3::put(mine, "results", key, "the object")).starts_with(mine.endpoint_url + "/results/"));
    const call_server::asked last = server.requests().back();
    CHECK(last.method == "PUT");
    CHECK(last.body == "the object");
    CHECK(coworker::url_decode(last.target) == "/results/" + std::string(key));
  }
}

TEST_CASE("an object from a file is stored, and extra headers and a session token are signed") {
  const bucket_server server("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  const temporary_folder folder;
  folder.write("big", std::string(2'000'000, 'b'));
  s3::account mine = server.account();
  mine.session_token = "a+b/c=";
  mine.region = "eu-central-1";
  http::call_options how;
  how.headers = {"Content-Type: image/png", "x-amz-meta-Job: 12"};
  CHECK(sync_wait(s3::put(mine, "", "b.png", http::body::file(folder.name() + "/big"), how)) ==
        mine.endpoint_url + "/b.png");
  const call_server::asked last = server.requests().back();
  CHECK(last.body.size() == 2'000'000);
  CHECK(last.header("Content-Type") == "image/png");
  CHECK(last.header("x-amz-security-token") == "a+b/c=");
  CHECK(last.header("x-amz-content-sha256") == "UNSIGNED-PAYLOAD");
  CHECK(last.header("Authorization").find("/eu-central-1/s3/aws4_request") != std::string::npos);
  CHECK(sync_wait(s3::put(mine, "", "empty", http::body())) == mine.endpoint_url + "/empty");
}

TEST_CASE("the error of a refused object has S3's reason, and no key of the account") {
  const bucket_server server("another secret");
  const s3::account mine = server.account();
  try {
    sync_wait(s3::put(mine, "results", "x", "the object"));
    FAIL("it was stored");
  } catch (const http::call_error& error) {
    const std::string text = error.what();
    CHECK(error.status() == 403);
    CHECK(text.starts_with("PUT " + mine.endpoint_url +
                           "/results/x: the status is 403: SignatureDoesNotMatch, "));
    CHECK(text.ends_with("check the account's keys, endpoint and region, and the bucket's name"));
    CHECK(text.find(mine.secret_access_key) == std::string::npos);
  }
  CHECK_THROWS_AS(sync_wait(s3::put(mine, "results", "", "x")), std::invalid_argument);
}

}  // namespace coworker::testing
