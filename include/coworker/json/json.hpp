#pragma once
// JSON: values, parsing, writing, conversion. Includes all of it. Must not know jobs or queues.

#include <coworker/json/access.hpp>
#include <coworker/json/compare.hpp>
#include <coworker/json/convert.hpp>
#include <coworker/json/error.hpp>
#include <coworker/json/escape.hpp>
#include <coworker/json/get.hpp>
#include <coworker/json/parse.hpp>
#include <coworker/json/utf8.hpp>
#include <coworker/json/value.hpp>
#include <coworker/json/write.hpp>
