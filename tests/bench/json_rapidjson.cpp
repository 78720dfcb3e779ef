// RapidJSON's DOM for json_bench, with its default settings, and with the checks that JSON requires and
// coworker always does: UTF-8 validation and exact doubles. json_rapidjson_sse2.cpp is the same with
// RAPIDJSON_SSE2. Release 1.1.0 (Debian's) does not compile with clang 19 and newer, because it assigns to a
// const member. With those compilers it is left out, unless newer headers are given with -isystem.

#if __has_include(<rapidjson/document.h>)

// The namespace must be defined before its first header is included.
#ifndef RAPIDJSON_SSE2
#define RAPIDJSON_NAMESPACE rapidjson_plain
#define RAPIDJSON_NAMESPACE_BEGIN namespace rapidjson_plain {
#define RAPIDJSON_NAMESPACE_END }
#define JSON_BENCH_NAME(checks) "RapidJSON" checks
#else
#define JSON_BENCH_NAME(checks) "RapidJSON SSE2" checks
#endif

#include <rapidjson/rapidjson.h>

// RAPIDJSON_HAS_CXX17 is newer than release 1.1.0.
#if !defined(__clang__) || __clang_major__ < 19 || defined(RAPIDJSON_HAS_CXX17)

#include "json_bench.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <memory>

namespace {

namespace rapid = RAPIDJSON_NAMESPACE;
using coworker::bench::json_library;

template <unsigned Flags>
std::size_t rapid_parse(std::string_view text) {
  rapid::Document document;
  document.Parse<Flags>(text.data(), text.size());
  return document.HasParseError() ? 0 : document.MemberCount();
}

std::function<std::size_t()> rapid_writer(std::string_view text) {
  auto document = std::make_shared<rapid::Document>();
  document->Parse(text.data(), text.size());
  return [document] {
    rapid::StringBuffer buffer;
    rapid::Writer<rapid::StringBuffer> writer(buffer);
    document->Accept(writer);
    return static_cast<std::size_t>(buffer.GetSize());
  };
}

std::function<std::size_t()> rapid_checked_writer(std::string_view text) {
  auto document = std::make_shared<rapid::Document>();
  document->Parse(text.data(), text.size());
  return [document] {
    rapid::StringBuffer buffer;
    rapid::Writer<rapid::StringBuffer, rapid::UTF8<>, rapid::UTF8<>, rapid::CrtAllocator,
                  rapid::kWriteValidateEncodingFlag>
        writer(buffer);
    document->Accept(writer);
    return static_cast<std::size_t>(buffer.GetSize());
  };
}

constexpr unsigned rapid_checks = rapid::kParseValidateEncodingFlag | rapid::kParseFullPrecisionFlag;

[[maybe_unused]] const bool rapid_added =
    add(json_library{JSON_BENCH_NAME(""), rapid_parse<0>, rapid_writer}) &&
    add(json_library{JSON_BENCH_NAME(" checked"), rapid_parse<rapid_checks>, rapid_checked_writer});

}  // namespace

#endif
#endif
