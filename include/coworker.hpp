// So that `#include <coworker.hpp>` means the same with the separate headers as with the single one.
#pragma once

#include <coworker/coworker.hpp>
