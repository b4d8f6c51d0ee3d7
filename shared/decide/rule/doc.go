// Package rule holds what tagging and retention share: files people write, read
// strictly and with a place for every mistake; facts about one media, and which
// of them are not known yet; expressions over those facts, checked when they are
// compiled; and the media that tests inside such a file describe.
//
// It decides nothing itself, reads no clock (the moment comes in with the facts)
// and never runs an expression that was not fully checked before.
package rule
