// flags: -std=c++17
// expect: coworker needs C++20; compile with -std=c++20

#include <coworker.hpp>
