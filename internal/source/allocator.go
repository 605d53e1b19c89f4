package source

// The engine's allocator is jemalloc, in the process once for all engines. By default it has an arena for each
// processor, and what a thread has freed into one is of no use to the next thread: on two processors half as much again
// as the engine may use lay idle, more with every further one, and the peak was whatever came together by chance. With
// one arena the peak is the engine's own, and the time is the same (docs/SCALE.md has both).
//
// This is how jemalloc's manual has a program choose (TUNING, malloc_conf): a variable that it reads as the process
// starts, before Go does. The name has the prefix of DuckDB's build; builds without jemalloc do not look for it.

// const char *duckdb_je_malloc_conf_2_conf_harder = "narenas:1";
import "C"
