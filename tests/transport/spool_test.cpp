#include <doctest/doctest.h>
#include <coworker/transport/spool.hpp>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <support/captured_log.hpp>
#include <support/temporary_folder.hpp>
#include <vector>

namespace coworker::testing {
TEST_CASE("what is stored is there for the next spool, as it was, until it is removed") {
  const temporary_folder folder;
  captured_log log;
  const std::string body = R"({"output":"\u0000 \"quoted\" )" + std::string(100'000, 'x') + "\xc3\xa9\"}";
  {
    spool kept(folder.name());
    spool::ticket first = kept.prepare("a/b\n", true);
    spool::ticket second = kept.prepare("b", false);
    CHECK(first);
    CHECK(!first.stored());
    CHECK(folder.files() == 0);
    kept.store(first, body, false, log.log);
    kept.store(second, "{}", false, log.log);
    CHECK(first.stored());
    CHECK(folder.files() == 2);
  }
  spool next(folder.name());
  std::vector<spool::entry> left = next.load(log.log);
  REQUIRE(left.size() == 2);
  const std::size_t a = left[0].job_id == "b" ? 1 : 0;
  CHECK(left[a].job_id == "a/b\n");
  CHECK(left[a].streamed);
  CHECK(left[a].body == body);
  CHECK(left[a].ticket.stored());
  CHECK(!left[1 - a].streamed);
  next.remove(left[0].ticket);
  CHECK(!left[0].ticket.stored());
  CHECK(folder.files() == 1);
  next.remove(left[1].ticket);
  CHECK(next.load(log.log).empty());
  CHECK(folder.files() == 0);
  CHECK(log.lines().empty());
}

TEST_CASE(
    "a result is stored once, however often it is tried, and may be removed without having been stored") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  kept.remove(ticket);
  kept.store(ticket, "1", false, log.log);
  kept.store(ticket, "2", false, log.log);
  CHECK(folder.files() == 1);
  CHECK(kept.load(log.log).at(0).body == "1");
}

TEST_CASE("whether a kept result may have been accepted is kept with it, and corrected in place") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  for (const bool perhaps : {true, false, true}) {
    kept.store(ticket, "{}", perhaps, log.log);
    CHECK(folder.files() == 1);
    CHECK(kept.load(log.log).at(0).ticket.perhaps_accepted() == perhaps);
  }
  folder.write(folder.only_file().substr(folder.name().size() + 1),
               R"({"id":"a","streamed":false,"body":"{}"})");
  CHECK(!kept.load(log.log).at(0).ticket.perhaps_accepted());
}

TEST_CASE("only its owner may read a kept result") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  kept.store(ticket, "{}", false, log.log);
  using std::filesystem::perms;
  const perms open = std::filesystem::status(folder.only_file()).permissions();
  CHECK((open & perms::all) == (perms::owner_read | perms::owner_write));
}

TEST_CASE("a file that is half written, or not the spool's, is left alone") {
  const temporary_folder folder;
  folder.write("1-2-3.result.json.part", R"({"id":"a","streamed":false,"body":"{}"})");
  folder.write("notes.txt", "mine");
  captured_log log;
  spool kept(folder.name());
  CHECK(kept.load(log.log).empty());
  CHECK(folder.files() == 2);
  CHECK(log.lines().empty());
}

TEST_CASE("a file that cannot be used is named in the log and kept, and costs no other its delivery") {
  const temporary_folder folder;
  folder.write("bad.result.json", "{\"id\":");
  folder.write("odd.result.json", R"({"id":7,"streamed":false,"body":"{}"})");
  folder.write("good.result.json", R"({"id":"a","streamed":false,"body":"{}"})");
  std::filesystem::create_directory(folder.name() + "/folder.result.json");
  captured_log log;
  spool kept(folder.name());
  const std::vector<spool::entry> left = kept.load(log.log);
  REQUIRE(left.size() == 1);
  CHECK(left[0].job_id == "a");
  CHECK(folder.files() == 4);
  CHECK(log.lines().size() == 3);
  CHECK(log.count("bad.result.json") == 1);
  CHECK(log.count("odd.result.json") == 1);
  CHECK(log.count("folder.result.json") == 1);
}

TEST_CASE("a folder that is not there is refused by name, with the way out") {
  CHECK_THROWS_WITH_AS(spool("/nonexistent/coworker"),
                       "the spool folder /nonexistent/coworker cannot be opened (No such file or directory); "
                       "create it, or name another",
                       std::runtime_error);
}

TEST_CASE("a spool without a folder keeps nothing and complains of nothing") {
  captured_log log;
  spool none("");
  spool::ticket ticket = none.prepare("a", false);
  CHECK(!ticket);
  none.store(ticket, "{}", false, log.log);
  CHECK(!ticket.stored());
  none.remove(ticket);
  CHECK(none.load(log.log).empty());
  CHECK(log.lines().empty());
}

TEST_CASE("a result that cannot be kept is logged once, however often it is tried, and kept once it can be") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  std::filesystem::remove(folder.name());
  for (int i = 0; i < 3; ++i) kept.store(ticket, "{}", false, log.log);
  CHECK(!ticket.stored());
  CHECK(log.lines().size() == 1);
  CHECK(log.count("No such file or directory") == 1);
  std::filesystem::create_directory(folder.name());
  kept.store(ticket, "{}", false, log.log);
  CHECK(ticket.stored());
  CHECK(folder.files() == 1);
}

TEST_CASE("two spools over one folder do not take each other's files for their own") {
  const temporary_folder folder;
  captured_log log;
  spool one(folder.name());
  spool other(folder.name());
  spool::ticket first = one.prepare("a", false);
  spool::ticket second = other.prepare("b", false);
  one.store(first, "1", false, log.log);
  other.store(second, "2", false, log.log);
  CHECK(folder.files() == 2);
}

}  // namespace coworker::testing
