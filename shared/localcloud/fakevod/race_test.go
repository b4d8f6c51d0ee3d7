//go:build race

package fakevod_test

// slack divides the size of the large tests: the race detector takes ten times the time and memory.
const slack = 10
