// Package year simulates years of a library whose assets move between storage classes, and
// judges every move and the bill by an oracle of its own.
//
// It holds tests only. The library is the local cloud's VOD behind the real client, in one
// process and on a clock of its own. The oracle sees the server's side of each call, and is
// written from the promises: it imports nothing of decide/removal, and of decide/retention
// only the prices whose prediction is compared with the bill.
package year
