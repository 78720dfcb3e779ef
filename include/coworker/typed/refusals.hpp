#pragma once
// The errors for types that cannot be a job's input or a handler's result: a class per reason, whose use is
// refused with a sentence. Compilers name its arguments: the struct that contains what is wrong, the member,
// by name or by its position from 1 on, and the member's type. Must not know how flaws are found.

#include <coworker/refusal.hpp>

namespace coworker::inline v0_1::detail {

/// Means that nothing is refused.
struct no_refusal {};

// --- inputs and results

template <class Struct, auto Member, class Type>
struct c_array_member {
  COWORKER_REFUSE_USE(
      c_array_member, Struct,
      "coworker: JSON fills and reads no C array in a struct; make this member a std::array, or a "
      "std::string");
};
template <class Struct, auto Member, class Type>
struct bit_field_member {
  COWORKER_REFUSE_USE(
      bit_field_member, Struct,
      "coworker: JSON fills and reads no bit-field, which has no address, and no volatile member; make "
      "this member, told by its position from 1 on, an integer or a bool of its own");
};
template <class Struct, auto Member, class Type>
struct union_member {
  COWORKER_REFUSE_USE(
      union_member, Struct,
      "coworker: JSON fills and reads no union, which does not tell what it holds; make this member, "
      "told by its position from 1 on, a std::optional for each alternative");
};
template <class Struct, auto Member, class Type>
struct struct_with_base {
  COWORKER_REFUSE_USE(
      struct_with_base, Struct,
      "coworker: JSON fills and reads no struct that has a base; make the base a member of it, or "
      "write from_json and to_json beside it");
};
template <class Struct, auto Member, class Type>
struct struct_with_tuple_size {
  COWORKER_REFUSE_USE(
      struct_with_tuple_size, Struct,
      "coworker: JSON fills and reads no struct that has a std::tuple_size, which hides its members; "
      "write from_json and to_json beside it");
};
template <class Struct, auto Member, class Type>
struct struct_of_too_many_members {
  COWORKER_REFUSE_USE(
      struct_of_too_many_members, Struct,
      "coworker: JSON fills and reads no struct of more than 64 members; gather some of them in "
      "structs of their own");
};
template <class Struct, auto Member, class Type>
struct member_without_default {
  COWORKER_REFUSE_USE(
      member_without_default, Struct,
      "coworker: JSON fills and reads no struct that cannot be made without arguments; give this "
      "member, whose type has no default constructor, a default");
};
template <class Struct, auto Member, class Type>
struct struct_that_cannot_be_moved {
  COWORKER_REFUSE_USE(
      struct_that_cannot_be_moved, Struct,
      "coworker: JSON fills and reads no struct that cannot be moved; keep what cannot be moved "
      "elsewhere");
};
template <class Struct, auto Member, class Type>
struct class_with_constructors {
  COWORKER_REFUSE_USE(
      class_with_constructors, Struct,
      "coworker: JSON fills and reads plain structs by themselves, without constructors, private "
      "members or virtual functions; make this one such, or write from_json and to_json beside it");
};
template <class Struct, auto Member, class Type>
struct struct_without_members {
  COWORKER_REFUSE_USE(struct_without_members, Struct,
                      "coworker: this struct has no members that JSON could fill or read");
};
template <class Struct, auto Member, class Type>
struct name_used_twice {
  COWORKER_REFUSE_USE(name_used_twice, Struct,
                      "coworker: this member and another one of the struct have one name in JSON; see "
                      "coworker::member(...).named");
};

// --- inputs

template <class Struct, auto Member, class Type>
struct member_of_input {
  COWORKER_REFUSE_USE(member_of_input, Struct,
                      "job<Input>: JSON cannot fill this member; coworker::typed_input says what can");
};
template <class Struct, auto Member, class Type>
struct view_member_of_input {
  COWORKER_REFUSE_USE(
      view_member_of_input, Struct,
      "job<Input>: JSON cannot fill this member, which would point into text that is gone; make it, "
      "and the keys of a map, own their text, as std::string does");
};
template <class Struct, auto Member, class Type>
struct constant_member_of_input {
  COWORKER_REFUSE_USE(constant_member_of_input, Struct,
                      "job<Input>: JSON cannot fill this member, which is const");
};
template <class Struct, auto Member, class Type>
struct bare_enum_member_of_input {
  COWORKER_REFUSE_USE(
      bare_enum_member_of_input, Struct,
      "job<Input>: this enum must say its underlying type, as in `enum class mode` or `enum mode : "
      "int`, and have values from -16 to 143");
};
template <class Struct, auto Member, class Type>
struct far_enum_member_of_input {
  COWORKER_REFUSE_USE(
      far_enum_member_of_input, Struct,
      "job<Input>: this enum is read by the names of its values, which must lie from -16 to 143; "
      "give it such, or write from_json and to_json beside it");
};
template <class Struct, auto Member, class Type>
struct default_that_breaks_its_rule {
  COWORKER_REFUSE_USE(
      default_that_breaks_its_rule, Struct,
      "job<Input>: the default of this member breaks the rule beside the struct; give it one that "
      "keeps to it, or make the member a std::optional");
};
template <class Struct, auto Member, class Type>
struct defaults_that_break_a_check {
  COWORKER_REFUSE_USE(
      defaults_that_break_a_check, Struct,
      "job<Input>: the defaults of this struct break a coworker::check(...) beside it; give it some "
      "that keep to it");
};
template <class Struct, auto Member, class Type>
struct rules_of_another_struct {
  COWORKER_REFUSE_USE(
      rules_of_another_struct, Struct,
      "job<Input>: rules(type<Input>) must return coworker::rule_list(...) of Input's own members");
};

// --- results

template <class Struct, auto Member, class Type>
struct member_of_output {
  COWORKER_REFUSE_USE(
      member_of_output, Struct,
      "coworker: the handler does not fit; what it gives must turn into json, and this member does "
      "not; coworker::json_source says what does");
};
template <class Struct, auto Member, class Type>
struct multimap_member_of_output {
  COWORKER_REFUSE_USE(
      multimap_member_of_output, Struct,
      "coworker: the handler does not fit; what it gives must turn into json, and this member may "
      "hold a key several times, which an object cannot; make it a map of lists");
};

}  // namespace coworker::inline v0_1::detail
