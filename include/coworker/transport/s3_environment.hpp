#pragma once
// Reads an S3 bucket's account from the environment, by the variables of the platform's Python SDK. Must not
// know what the bucket is used for.

#include <coworker/http/s3.hpp>
#include <coworker/transport/environment.hpp>
#include <string>

namespace coworker::inline v0_1::s3 {

/// Returns the account that BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY name.
/// Throws: environment_error if one of them is not set.
inline account account_from_environment() {
  const auto required = [](const char* name) {
    if (auto value = environment(name)) return *std::move(value);
    throw environment_error(std::string(name) +
                            " is not set; an S3 bucket needs BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and "
                            "BUCKET_SECRET_ACCESS_KEY");
  };
  account found;
  found.endpoint_url = required("BUCKET_ENDPOINT_URL");
  found.access_key_id = required("BUCKET_ACCESS_KEY_ID");
  found.secret_access_key = required("BUCKET_SECRET_ACCESS_KEY");
  return found;
}

}  // namespace coworker::inline v0_1::s3
