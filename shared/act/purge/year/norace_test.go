//go:build !race

package year_test

const everyday = 365
