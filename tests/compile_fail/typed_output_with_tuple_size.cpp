// expect: JSON fills and reads no struct that has a std::tuple_size
// expect: struct_with_tuple_size<
// expect: point>
// max-lines: 4

#include <coworker.hpp>
#include <utility>

struct point {
  float x = 0;
  float y = 0;

  template <std::size_t Index>
  float get() const {
    return Index == 0 ? x : y;
  }
};
template <>
struct std::tuple_size<point> : std::integral_constant<std::size_t, 2> {};
template <std::size_t Index>
struct std::tuple_element<Index, point> {
  using type = float;
};

point process_request(coworker::job<>) { return {}; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
