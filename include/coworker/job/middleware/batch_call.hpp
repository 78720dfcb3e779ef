#pragma once
// Reads from the signature of a function over batches what it takes and returns. Must not know how it is
// called.

#include <coworker/exec/maker.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/middleware/batch_result.hpp>
#include <type_traits>
#include <vector>

namespace coworker::inline v0_1::detail {

template <class Batch>
struct batch_parameter {};
template <class Item>
struct batch_parameter<std::vector<Item>> {
  using item = Item;
  using job_type = job<Item>;
};
template <class Input>
struct batch_parameter<std::vector<job<Input>>> {
  using item = job<Input>;
  using job_type = job<Input>;
};

template <class Parameters>
struct batch_call {};
template <class R, class Batch>
struct batch_call<R(Batch)> : batch_parameter<std::remove_cvref_t<Batch>> {
  using value = void;
  using result = R;
};
template <class R, class Value, class Batch>
struct batch_call<R(Value&, Batch)> : batch_parameter<std::remove_cvref_t<Batch>> {
  using value = Value;
  using result = R;
};

template <class Signature>
struct plain_signature {};
template <class R, class... A>
struct plain_signature<R(A...)> : std::type_identity<R(A...)> {};
template <class R, class... A>
struct plain_signature<R(A...) noexcept> : std::type_identity<R(A...)> {};
template <class R, class C, class... A>
struct plain_signature<R (C::*)(A...)> : std::type_identity<R(A...)> {};
template <class R, class C, class... A>
struct plain_signature<R (C::*)(A...) const> : std::type_identity<R(A...)> {};
template <class R, class C, class... A>
struct plain_signature<R (C::*)(A...) noexcept> : std::type_identity<R(A...)> {};
template <class R, class C, class... A>
struct plain_signature<R (C::*)(A...) const noexcept> : std::type_identity<R(A...)> {};

template <class Many>
using batch_call_of = batch_call<typename plain_signature<typename signature_of<Many>::type>::type>;

template <class T>
struct vector_element {};
template <class T>
struct vector_element<std::vector<T>> {
  using type = T;
};

template <class Many>
using batch_element =
    typename vector_element<typename awaited_result<typename batch_call_of<Many>::result>::type>::type;

template <class Many>
concept runs_batches = requires {
  typename batch_call_of<Many>::item;
  typename batch_element<Many>;
}
&&output_value<typename batch_value<batch_element<Many>>::type>;

// Stands for the value of a function that takes none.
struct unused_value {};

}  // namespace coworker::inline v0_1::detail
