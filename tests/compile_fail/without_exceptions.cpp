// flags: -fno-exceptions
// expect: coworker reports errors by exceptions; compile without -fno-exceptions

#include <coworker.hpp>
