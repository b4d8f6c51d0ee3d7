// Package state keeps what the library itself cannot hold: plans and approvals,
// the ledger, leases, watermarks, old values. Everything is an immutable object
// under a key, in a folder of one machine ("file:DIR") or in an OSS bucket
// ("oss://bucket/prefix"), and two primitives carry it all: read and list, and
// create-if-absent. Whoever creates an object first has it; the second creator
// is told so. Leases, approvals and "the next segment of the ledger" are safe
// between writers by that alone.
//
// It refuses to overwrite anything, it refuses a bucket that would overwrite
// behind its back, and it removes nothing by itself: Remove is for the operator
// who compacts and expires. layout.go names every prefix; what lies below it is written and
// read by removal and edits.
//
// # Why
//
// Immutable objects and create-if-absent carry leases, approvals and the ledger alike, on a
// laptop as in OSS; a database would be one more thing to run and to secure. The bucket's
// name holds the account id and its owner is asked at start: a name that anybody may take
// first ("vodcurator-state") is no place for approvals. A RAM policy names "vodcurator-*",
// so that the file in the repository fits as it is.
package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"vodcurator/shared/video"
)

var (
	// ErrExists says that somebody created this key before; what they wrote stands.
	ErrExists = errors.New("exists already")
	// ErrReadOnly says that nothing can be created here. It is a kind of video.ErrForbidden.
	ErrReadOnly = fmt.Errorf("read-only: %w", video.ErrForbidden)
	// ErrFull says that there is no room left.
	ErrFull = errors.New("no space left")
)

// Objects is what the formats of this package are written over.
type Objects interface {
	// Read returns a whole object. A key that is not there wraps video.ErrNotFound.
	Read(ctx context.Context, key string) ([]byte, error)
	// Create writes a whole object once: a reader sees all of it or nothing, and
	// of two creators one gets ErrExists. After an error that wraps neither
	// ErrExists nor video.ErrForbidden the object may be there or not. Writers that must
	// be told apart have to write different bodies.
	Create(ctx context.Context, key string, body []byte) error
	// List gives the keys that begin with prefix and are greater than after, in
	// byte order. It ends at its first error.
	List(ctx context.Context, prefix, after string) iter.Seq2[string, error]
}

// Options is what opening a state needs beyond its place. A folder needs none.
type Options struct {
	// ReadOnly promises that nothing is created: a missing folder stays missing,
	// and a bucket is not probed.
	ReadOnly bool
	// Region and Endpoint are the bucket's; Endpoint is a base URL, empty for the
	// region's public https endpoint.
	Region, Endpoint string
	// Credentials are asked before each request to a bucket.
	Credentials func(ctx context.Context) (id, secret, token string, err error)
	// Owner is the account that a bucket must belong to, its id; empty: nobody asks.
	Owner string
	// HTTP carries the requests to a bucket; nil: a client of its own.
	HTTP *http.Client
}

// Store is an opened state. It is safe for concurrent use, also by several
// processes and machines on one place.
type Store struct {
	place    string
	readOnly bool
	form     backend
}

// backend is one form. Keys are checked before they come here.
type backend interface {
	Objects
	readNewer(ctx context.Context, key, have string) (body []byte, version string, err error)
	remove(ctx context.Context, key string) error
	close() error
}

var _ Objects = (*Store)(nil)

// Open opens "file:DIR" or "oss://bucket/prefix". A folder is made when only its
// last element is missing: a place whose parent is not there is a mistake or a
// missing mount, and starting on empty state would forget approvals and order.
func Open(ctx context.Context, spec string, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var (
		b   backend
		err error
	)
	switch kind, rest, _ := strings.Cut(spec, ":"); kind {
	case "file":
		b, err = openFolder(strings.TrimPrefix(rest, "//"), o.ReadOnly)
	case "oss":
		b, err = openBucket(ctx, rest, o)
	default:
		err = fmt.Errorf("%w: want file:DIR or oss://bucket/prefix", video.ErrInvalid)
	}
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", spec, err)
	}
	return &Store{place: spec, readOnly: o.ReadOnly, form: b}, nil
}

// String says where the state lives, as it was given to Open.
func (s *Store) String() string { return s.place }

// Close gives back what the store holds open. Objects stay.
func (s *Store) Close() error { return s.form.close() }

// Read implements Objects.
func (s *Store) Read(ctx context.Context, key string) ([]byte, error) {
	err := check(ctx, key)
	if err == nil {
		var body []byte
		if body, err = s.form.Read(ctx, key); err == nil {
			return body, nil
		}
	}
	return nil, fmt.Errorf("state: read %q: %w", key, err)
}

// ReadNewer is Read for a reader that may have the object already, in the version that
// an earlier call gave; empty: it has none. A nil body says that the object is still of
// that version. It is one request, and what has not changed is not sent again.
func (s *Store) ReadNewer(ctx context.Context, key, have string) (body []byte, version string, err error) {
	if err = check(ctx, key); err == nil {
		if body, version, err = s.form.readNewer(ctx, key, have); err == nil {
			return body, version, nil
		}
	}
	return nil, "", fmt.Errorf("state: read %q: %w", key, err)
}

// Create implements Objects.
func (s *Store) Create(ctx context.Context, key string, body []byte) error {
	err := check(ctx, key)
	if err == nil && s.readOnly {
		err = ErrReadOnly
	}
	if err == nil {
		err = s.form.Create(ctx, key, body)
	}
	if err != nil {
		return fmt.Errorf("state: create %q: %w", key, err)
	}
	return nil
}

// List implements Objects.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range s.form.List(ctx, prefix, after) {
			if err != nil {
				yield("", fmt.Errorf("state: list %q: %w", prefix, err))
				return
			}
			if !yield(key, nil) {
				return
			}
		}
	}
}

// Remove takes an object away, for the operator who compacts and expires; no
// function calls it. It is no method, so that a program that does not call it
// does not hold it either. A key that is not there is not an error.
func Remove(ctx context.Context, s *Store, key string) error {
	err := check(ctx, key)
	if err == nil && s.readOnly {
		err = ErrReadOnly
	}
	if err == nil {
		err = s.form.remove(ctx, key)
	}
	if err != nil && !errors.Is(err, video.ErrNotFound) {
		return fmt.Errorf("state: remove %q: %w", key, err)
	}
	return nil
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return CheckKey(key)
}

// CheckKey refuses a key that would not be the same object in every form:
// segments separated by single slashes, none beginning with a dot (no way out of
// the folder, and room for files of our own), no control characters, no
// backslash, at most 200 bytes a segment and 900 in all. A key must not be the
// folder of another key as well. Every error wraps video.ErrInvalid.
func CheckKey(key string) error {
	bad := func(why string) error { return fmt.Errorf("%w: key %.100q: %s", video.ErrInvalid, key, why) }
	switch {
	case len(key) > 900:
		return bad("over 900 bytes")
	case !utf8.ValidString(key):
		return bad("not UTF-8")
	case strings.ContainsFunc(key, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }):
		return bad("a control character or a backslash")
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch {
		case segment == "":
			return bad("an empty segment")
		case segment[0] == '.':
			return bad("a segment begins with a dot")
		case len(segment) > 200:
			return bad("a segment over 200 bytes")
		}
	}
	return nil
}
