//go:build race

package year_test

// everyday is how many nights an ordinary run plays: the race detector takes ten times the time.
const everyday = 60
