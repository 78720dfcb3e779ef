// expect: json(const T&) = delete;  // it may hold a key several times, which an object cannot: make it a map of lists
// max-lines: 10

#include <coworker/json/json.hpp>
#include <map>
#include <string>

std::string text(const std::multimap<std::string, int>& map) { return coworker::json(map).dump(); }
