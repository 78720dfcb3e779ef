#pragma once
// Macros with which an overload that exists only to be refused explains why, in one sentence at the user's
// call. Must not know what is refused.
//
// g++ reports the error when it generates the call, in three lines where a failed static_assert takes a
// dozen. clang has that attribute too, but overlooks it in every call that may have to unwind (LLVM's
// diagnoseDontCall checks calls, not invokes). Its own attribute reports while parsing, so editors show it as
// well. Other compilers give a warning.
//
// If a lambda may be refused, the overload needs a body, even an empty one: of a function without a body g++
// only says that no other file can define it. `noipa` keeps the call from being optimised away.
#if defined(__clang__)
#define COWORKER_REFUSE(why)                                                            \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wgcc-compat\"") \
      __attribute__((diagnose_if(true, why, "error"))) _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#define COWORKER_REFUSE(why) [[gnu::__error__(why), gnu::noipa]]
#else
#define COWORKER_REFUSE(why) [[deprecated(why)]]
#endif

// The error for a handler that does not fit, at the function that was given it.
#define COWORKER_REFUSE_HANDLER(where)                                                                       \
  COWORKER_REFUSE(                                                                                           \
      where                                                                                                  \
      ": the handler does not fit; it must be callable with a job and give something that turns into json, " \
      "as in `task<std::string> handle(job<> work)` or `json handle(job<> work)`")
#define COWORKER_REFUSE_MODIFIER(where)                                                                    \
  COWORKER_REFUSE(where                                                                                    \
                  ": the concurrency modifier does not fit; it must be callable as `int(int current)` or " \
                  "`int(int current, const metrics&)` and give an integer")
// Members of a class template `type` whose use is refused. Use it as the type of a parameter with a default
// argument: then the call is refused, and compilers name the type's own arguments, which say more than a
// sentence can. clang ignores the attribute on destructors, so it has a static_assert instead, which needs a
// class among the arguments.
#if defined(__clang__)
#define COWORKER_REFUSE_USE(type, argument, why) \
  type() {}                                      \
  static_assert(sizeof(argument*) == 0, why)
#else
#define COWORKER_REFUSE_USE(type, argument, why) \
  type() {}                                      \
  COWORKER_REFUSE(why) ~type() {}                \
  static_assert(true)  // takes the semicolon
#endif
