#pragma once
// How an overload that is there only to be refused says why, at the call that the user wrote and in one
// sentence. Knows nothing else.
//
// g++ speaks when it generates the call, in three lines where a failed static_assert takes a dozen. clang has
// that attribute too, but overlooks it in every call that may have to unwind (LLVM's diagnoseDontCall sees
// calls, not invokes); its own attribute speaks while it parses, so editors show it as well. Elsewhere it
// is a warning.
//
// Where a lambda may be what is refused, the overload needs a body, however empty: of a function without one
// g++ says only that no other file can define it. `noipa` keeps the call from being optimised away.
#if defined(__clang__)
#define COWORKER_REFUSE(why)                                                            \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wgcc-compat\"") \
      __attribute__((diagnose_if(true, why, "error"))) _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#define COWORKER_REFUSE(why) [[gnu::__error__(why), gnu::noipa]]
#else
#define COWORKER_REFUSE(why) [[deprecated(why)]]
#endif

// What a handler that does not fit is told, at whatever it was given to.
#define COWORKER_REFUSE_HANDLER(where)                                                                       \
  COWORKER_REFUSE(                                                                                           \
      where                                                                                                  \
      ": the handler does not fit; it must be callable with a job and give something that turns into json, " \
      "as in `task<std::string> handle(job<> work)` or `json handle(job<> work)`")
#define COWORKER_REFUSE_MODIFIER(where)                                                                    \
  COWORKER_REFUSE(where                                                                                    \
                  ": the concurrency modifier does not fit; it must be callable as `int(int current)` or " \
                  "`int(int current, const metrics&)` and give an integer")
// The members of a class template `type` whose use is refused: as a parameter that only default arguments give, it
// has the call refused, and its own arguments, which compilers name, say more than a sentence can. Of a type's
// destructor clang asks no attribute; it has a static_assert, which needs a class among the arguments.
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
