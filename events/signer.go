package events

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

var (
	// ErrUnsigned says that the callback carries no signature. The answer is 401.
	ErrUnsigned = errors.New("callback not signed")
	// ErrForged says that no live key made this signature. The answer is 403.
	ErrForged = errors.New("callback signature wrong")
	// ErrStale says that the signature is right and its time outside the window. The answer is 403.
	ErrStale = errors.New("callback time outside the window")
)

// The headers of a signed callback (vod-events.md 4.1).
const (
	timestampHeader = "X-VOD-TIMESTAMP"
	signatureHeader = "X-VOD-SIGNATURE"
)

// DefaultWindow is how far a callback's time may lie before or after ours.
const DefaultWindow = 5 * time.Minute

// Signer checks VOD's callbacks. The zero Signer accepts none.
//
// The provider's signature is an MD5 of URL, time and key, and does not cover the
// body: whoever sees one pair of headers can send any body until the window ends.
// That is why what a callback says is only a hint, and why Seen exists.
type Signer struct {
	// URL is the callback address exactly as it was given to VOD: behind a proxy the
	// address of the request is another one.
	URL string
	// Keys are the live keys; two while a key is being changed.
	Keys []string
	// Window is the accepted distance in time on both sides; 0 means DefaultWindow.
	Window time.Duration
}

// Verify returns nil for a request that a live key signed within the window, and
// an error that wraps ErrUnsigned, ErrForged or ErrStale otherwise. No error holds
// a key or a signature.
func (s Signer) Verify(req Request, now time.Time) error {
	stamp, signature := req.Header(timestampHeader), req.Header(signatureHeader)
	if stamp == "" || signature == "" {
		return ErrUnsigned
	}
	right := 0
	for _, key := range s.Keys { // every key is tried, right or not: the time taken tells nothing
		if key != "" {
			right |= subtle.ConstantTimeCompare([]byte(s.sign(stamp, key)), []byte(signature))
		}
	}
	if right == 0 || s.URL == "" {
		return ErrForged
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(stamp) != 10 {
		return fmt.Errorf("%w: the time is no Unix time of ten digits", ErrStale)
	}
	window := s.Window
	if window == 0 {
		window = DefaultWindow
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > window || off < -window {
		return fmt.Errorf("%w: %s off, at most %s", ErrStale, off.Round(time.Second), window)
	}
	return nil
}

// Pair names the pair of signature headers of a request: what Verify has checked, and
// what all events of one second share.
func (s Signer) Pair(req Request) string {
	return req.Header(timestampHeader) + " " + req.Header(signatureHeader)
}

func (s Signer) sign(stamp, key string) string {
	sum := md5.Sum([]byte(s.URL + "|" + stamp + "|" + key))
	return hex.EncodeToString(sum[:])
}

// Seen remembers the callbacks of the last while, to recognise a repeat: the same
// pair of signature headers with the same body. Events of one second share a pair,
// so a known pair with another body is no repeat. It knows what this process has
// seen and no more; a repeat that lands elsewhere finds the library as it should
// be and changes nothing. Safe for concurrent use.
type Seen struct {
	window time.Duration
	mu     sync.Mutex
	at     map[seenKey]time.Time
	ring   []seenKey // the remembered ones, the oldest at next once it is full
	next   int
}

type seenKey [sha256.Size]byte

// NewSeen remembers at most capacity callbacks (at least one), each for window;
// twice the Signer's window covers all that Verify lets through.
func NewSeen(capacity int, window time.Duration) *Seen {
	return &Seen{window: window, at: map[seenKey]time.Time{}, ring: make([]seenKey, max(capacity, 1))}
}

// Repeat says whether the same callback was seen within the window, and remembers it.
func (s *Seen) Repeat(req Request, now time.Time) bool {
	key := pairAndBody(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at[key]; ok {
		if now.Sub(at) <= s.window {
			return true
		}
		s.at[key] = now
		return false
	}
	delete(s.at, s.ring[s.next])
	s.ring[s.next] = key
	s.next = (s.next + 1) % len(s.ring)
	s.at[key] = now
	return false
}

// Forget takes a callback back, so that the sender's next try is acted on: for one
// whose handling failed.
func (s *Seen) Forget(req Request) {
	key := pairAndBody(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, key)
	for i := range s.ring {
		if s.ring[i] == key {
			s.ring[i] = seenKey{}
		}
	}
}

func pairAndBody(req Request) seenKey {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", req.Header(timestampHeader), req.Header(signatureHeader))
	h.Write(req.Body)
	return seenKey(h.Sum(nil))
}
