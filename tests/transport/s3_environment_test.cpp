#include <doctest/doctest.h>
#include <stdlib.h>
#include <coworker/transport/s3_environment.hpp>
#include <string>

TEST_CASE("the bucket's variables are read, and a missing one is named") {
  for (const char* const name : {"BUCKET_ENDPOINT_URL", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY"})
    ::unsetenv(name);
  ::setenv("BUCKET_ENDPOINT_URL", "https://s3.eu-central-1.amazonaws.com", 1);
  ::setenv("BUCKET_ACCESS_KEY_ID", "id\r\n", 1);
  CHECK_THROWS_WITH_AS(
      coworker::s3::account_from_environment(),
      "BUCKET_SECRET_ACCESS_KEY is not set; an S3 bucket needs BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID "
      "and BUCKET_SECRET_ACCESS_KEY",
      coworker::environment_error);
  ::setenv("BUCKET_SECRET_ACCESS_KEY", "secret", 1);
  const coworker::s3::account found = coworker::s3::account_from_environment();
  CHECK(found.endpoint_url == "https://s3.eu-central-1.amazonaws.com");
  CHECK(found.access_key_id == "id");
  CHECK(found.secret_access_key == "secret");
  for (const char* const name : {"BUCKET_ENDPOINT_URL", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY"})
    ::unsetenv(name);
}
