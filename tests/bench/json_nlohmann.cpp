// nlohmann/json as most people use it, for json_bench.

#if __has_include(<nlohmann/json.hpp>)

#include "json_bench.hpp"

#include <memory>
#include <nlohmann/json.hpp>

namespace {

using coworker::bench::json_library;

std::size_t nlohmann_parse(std::string_view text) { return nlohmann::json::parse(text).size(); }

std::function<std::size_t()> nlohmann_writer(std::string_view text) {
  auto value = std::make_shared<nlohmann::json>(nlohmann::json::parse(text));
  return [value] { return value->dump().size(); };
}

[[maybe_unused]] const bool nlohmann_added = add(json_library{"nlohmann", nlohmann_parse, nlohmann_writer});

}  // namespace

#endif
