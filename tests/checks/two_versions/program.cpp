extern "C" int run_one();
extern "C" int run_other();

int main() { return run_one() + run_other() + run_one(); }
