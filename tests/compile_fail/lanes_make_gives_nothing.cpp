// expect: lanes: the function that makes the values must return an object, and be callable without arguments or with the number of the lane
// max-lines: 7
#include <coworker/exec/lanes.hpp>

void choose_device(std::size_t lane);

void use() { coworker::lanes gpus(2, choose_device); }
