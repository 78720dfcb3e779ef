#pragma once
// Which S3 bucket the environment names, by the variables of the platform's Python SDK. Must not know what it is used for.

#include <coworker/http/s3.hpp>
#include <coworker/transport/environment.hpp>
#include <string>

namespace coworker::inline v0_1::s3 {

/// Reads BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY.
/// Throws: environment_error when one of them is not set.
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

}  // namespace coworker::s3
