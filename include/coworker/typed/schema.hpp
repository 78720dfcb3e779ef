#pragma once
// Describes a typed input as a JSON Schema. Must not know how an input is read.

#include <concepts>
#include <coworker/json/json.hpp>
#include <coworker/typed/check.hpp>
#include <coworker/typed/kinds.hpp>
#include <coworker/typed/read.hpp>
#include <coworker/typed/rule_lookup.hpp>
#include <coworker/typed/rules.hpp>
#include <coworker/typed/write.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

namespace coworker::inline v0_1 {

namespace detail {

/// The place in the schema of each struct whose members are being described, so that a struct which contains
/// itself can refer to it.
template <class Struct>
struct schema_place {
  std::string pointer;
};

template <class T, class... Open>
json schema_of(const std::string& pointer, const schema_place<Open>&... open);

/// Returns one step of a JSON pointer, escaped for the fragment of a URI.
inline std::string pointer_step(std::string_view key) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string step("/");
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '~' || c == '/') {
      step.append(c == '~' ? "~0" : "~1");
    } else if (in_identifier(c) && byte < 0x80) {
      step += c;
    } else {
      step.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return step;
}

template <class Integer>
json integer_schema() {
  json made{{"type", "integer"}};
  // Limits that a double cannot distinguish from the next integer are checked only when an input is read.
  if constexpr (std::unsigned_integral<Integer> || sizeof(Integer) < 8) {
    made["minimum"] = (std::numeric_limits<Integer>::min)();
  }
  if constexpr (sizeof(Integer) < 8) made["maximum"] = (std::numeric_limits<Integer>::max)();
  return made;
}

template <class Enum>
json enum_schema() {
  json names = json::array();
  for (std::size_t i = 0; i < names_of_enum<Enum>::count; ++i) names.push_back(names_of_enum<Enum>::name(i));
  json made{{"type", "string"}};
  made["enum"] = std::move(names);
  return made;
}

inline json or_null(json schema) {
  json made = json::object();
  made["anyOf"] = json::array({std::move(schema), json{{"type", "null"}}});
  return made;
}

inline void describe_with(json& schema, std::string_view words) {
  std::string text = schema.value("description", "");
  if (!text.empty()) text.append("; ");
  schema["description"] = text.append(words);
}

/// Returns the part of a member's schema to which its limits belong: without the alternative "or null".
inline json& bounded_part(json& schema) { return schema.contains("anyOf") ? schema["anyOf"][0] : schema; }

template <class Rule>
void add_rule(json& schema, const Rule& rule) {
  json& value = bounded_part(schema);
  json& item = value.contains("items") ? bounded_part(value["items"]) : value;
  if constexpr (bounded<typename Rule::item_type>) {
    if (rule.has_least) item["minimum"] = json(rule.least);
    if (rule.has_most) item["maximum"] = json(rule.most);
  }
  if constexpr (Rule::choice_count != 0) {
    json choices = json::array();
    for (std::size_t i = 0; i < Rule::choice_count; ++i) choices.push_back(json(rule.choices[i]));
    item["enum"] = std::move(choices);
  }
  if (rule.shortest != 0 || rule.longest != Rule::any_length) {
    constexpr input_kind is = kind<typename Rule::value_type>;
    const std::string of = is == input_kind::text ? "Length" : is == input_kind::map ? "Properties" : "Items";
    if (rule.shortest != 0) value["min" + of] = rule.shortest;
    if (rule.longest != Rule::any_length) value["max" + of] = rule.longest;
  }
  if (!rule.description.empty()) detail::describe_with(schema, rule.description);
  if (!rule.predicate_words.empty()) detail::describe_with(schema, rule.predicate_words);
}

/// Reads {} as a struct, to find out whether it is valid.
template <class Struct>
struct struct_example {
  Struct value{};
  bool may_be_left_out = false;

  struct_example() {
    input_problems problems;
    detail::read_value(json::object(), value, input_place(), problems);
    may_be_left_out = problems.none();
  }
};

template <class Struct, class Member>
bool must_be_given(const Struct& example, const Member& member) {
  bool required = false;
  if constexpr (kind<Member> == input_kind::text || kind<Member> == input_kind::map ||
                kind<Member> == input_kind::sequence) {
    required = member.begin() == member.end();
  } else if constexpr (kind<Member> == input_kind::structure) {
    required = !struct_example<Member>().may_be_left_out;
  }
  detail::for_each_member_rule<Struct>([&](const auto& rule) {
    const bool about = static_cast<const void*>(std::addressof(example.*rule.which)) ==
                       static_cast<const void*>(std::addressof(member));
    if (about && rule.given != presence::usual) required = rule.given == presence::required;
  });
  return required;
}

template <class Struct, class... Open>
class struct_schema {
 public:
  struct_schema(const std::string& pointer, const schema_place<Open>&... open) {
    out_["type"] = "object";
    json properties = json::object();
    json required = json::array();
    bool ignored = false;
    const schema_place<Struct> own{pointer};
    const Struct example{};
    const std::string_view* key = member_keys<Struct>::all();
    detail::with_members(example, [&](const auto&... member) {
      ((properties[*key] = member_schema(example, member, *key, own, open...),
        detail::must_be_given(example, member) ? required.push_back(*key) : void(), ++key),
       ...);
    });
    detail::for_each_rule<Struct>([&](const auto& rule) {
      using rule_type = std::remove_cvref_t<decltype(rule)>;
      if constexpr (std::same_as<rule_type, unknown_members>) ignored = rule == unknown_members::ignored;
      if constexpr (is_struct_rule<rule_type>) detail::describe_with(out_, rule.words);
    });
    out_["properties"] = std::move(properties);
    if (!required.empty()) out_["required"] = std::move(required);
    if (!ignored) out_["additionalProperties"] = false;
  }

  json take() { return std::move(out_); }

 private:
  template <class Member>
  static json member_schema(const Struct& example, const Member& member, std::string_view key,
                            const schema_place<Struct>& own, const schema_place<Open>&... open) {
    json made = detail::schema_of<Member>(own.pointer + "/properties" + pointer_step(key), own, open...);
    detail::for_each_member_rule<Struct>([&](const auto& rule) {
      using rule_type = std::remove_cvref_t<decltype(rule)>;
      if constexpr (std::same_as<decltype(rule_type::which), Member Struct::*>) {
        if (std::addressof(example.*rule.which) == std::addressof(member)) detail::add_rule(made, rule);
      }
    });
    if constexpr (json_source<Member> && kind<Member> != input_kind::structure) {
      if (!detail::must_be_given(example, member)) {
        json usual(member);
        if (!usual.is_null()) made["default"] = std::move(usual);
      }
    }
    return made;
  }

  json out_ = json::object();
};

template <class T, class... Open>
json schema_of(const std::string& pointer, const schema_place<Open>&... open) {
  constexpr input_kind is = kind<T>;
  if constexpr (is == input_kind::boolean) {
    return json{{"type", "boolean"}};
  } else if constexpr (is == input_kind::character) {
    return json{{"type", "string"}, {"minLength", 1}, {"maxLength", 1}};
  } else if constexpr (is == input_kind::integer) {
    return integer_schema<T>();
  } else if constexpr (is == input_kind::floating) {
    return json{{"type", "number"}};
  } else if constexpr (is == input_kind::text) {
    return json{{"type", "string"}};
  } else if constexpr (is == input_kind::enumeration) {
    return enum_schema<T>();
  } else if constexpr (is == input_kind::duration) {
    return json{{"type", "number"}, {"description", "seconds"}};
  } else if constexpr (is == input_kind::optional) {
    return detail::or_null(detail::schema_of<typename T::value_type>(pointer + "/anyOf/0", open...));
  } else if constexpr (is == input_kind::pair) {
    json made{{"type", "array"}};
    json& parts = made["prefixItems"];
    parts.push_back(detail::schema_of<typename T::first_type>(pointer + "/prefixItems/0", open...));
    parts.push_back(detail::schema_of<typename T::second_type>(pointer + "/prefixItems/1", open...));
    made["minItems"] = 2;
    made["maxItems"] = 2;
    return made;
  } else if constexpr (is == input_kind::map) {
    json made{{"type", "object"}};
    made["additionalProperties"] =
        detail::schema_of<typename T::mapped_type>(pointer + "/additionalProperties", open...);
    return made;
  } else if constexpr (is == input_kind::sequence || is == input_kind::fixed_array) {
    json made{{"type", "array"}};
    made["items"] = detail::schema_of<typename T::value_type>(pointer + "/items", open...);
    if constexpr (is == input_kind::fixed_array) {
      made["minItems"] = std::tuple_size<T>::value;
      made["maxItems"] = std::tuple_size<T>::value;
    }
    return made;
  } else if constexpr (is == input_kind::structure && any_of<T, Open...>) {
    std::string where;
    ((std::same_as<T, Open> ? void(where = open.pointer) : void()), ...);
    json made = json::object();
    made["$ref"] = std::move(where);
    return made;
  } else if constexpr (is == input_kind::structure) {
    return struct_schema<T, Open...>(pointer, open...).take();
  } else {
    return json::object();  // accepts anything
  }
}

}  // namespace detail

/// Returns the JSON Schema (2020-12) of the input of a job<T>, with the rules beside its structs. The words
/// of predicates are in descriptions.
template <typed_input T>
json json_schema() {
  json made = json::object();
  made["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  if constexpr (detail::kind<T> == detail::input_kind::structure) made["title"] = detail::type_name<T>();
  json body = detail::schema_of<T>("#");
  if (body.empty())
    made["description"] = "Any JSON. A handler that takes a job<Struct> has a schema that says more.";
  for (auto&& [key, value] : body.items()) made[key] = std::move(value);
  return made;
}

}  // namespace coworker::inline v0_1
