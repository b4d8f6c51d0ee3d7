package state

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vodcurator/shared/video"
)

// ErrCorrupt says that a stored object fails its hash, cannot be decoded, or is of a
// version that this program does not know. It is no video.ErrInvalid: nobody asked for
// something wrong.
var ErrCorrupt = errors.New("corrupt, or of a version that this program does not know")

// ErrLater says that a stored object was written by a later version of the program. The
// remedy is to deploy that version; what the object is about is left alone until then.
var ErrLater = errors.New("written by a later version of vodcurator; deploy that version")

// RecordVersion is that of every record that is one JSON object.
const RecordVersion = 1

// CorruptOrGone says that an object is not there, or not as it was written.
func CorruptOrGone(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, video.ErrNotFound)
}

// Stamp is a time as keys carry it: their byte order is the order of time.
func Stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// ReadRecord reads an object that is one JSON value, strictly, and gives its text.
func ReadRecord(ctx context.Context, o Objects, key string, into any) ([]byte, error) {
	text, err := o.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
	}
	if d.More() {
		return nil, fmt.Errorf("%s: %w: more than one object", key, ErrCorrupt)
	}
	return text, nil
}

// Digest names what is kept under the hash of its bytes.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
