// Package nights simulates nights of planning and purging over a library with
// bad weather, and judges every deletion by an oracle of its own.
//
// It holds tests only. The oracle is written from the promises that removal
// makes and not from the code that keeps them: it imports nothing of decide, so
// that both cannot agree on the same mistake.
package nights
