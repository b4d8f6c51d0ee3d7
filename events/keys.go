package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// keys are the names that an object may have, and those of the objects below; nil: none
// that we look at. An array has those of its elements.
type keys map[string]keys

var (
	tagKeys     = keys{"set": nil, "add": nil, "remove": nil}
	fieldKeys   = keys{"title": nil, "description": nil, "category": nil, "cover": nil}
	changeKeys  = keys{"id": nil, "kind": nil, "set": fieldKeys, "tags": tagKeys, "issuedAt": nil, "ifUnmodifiedSince": nil, "by": nil, "source": nil}
	retagKeys   = keys{"id": nil, "kind": nil, "event": nil, "via": nil, "rules": nil, "by": nil, "source": nil}
	messageKeys = keys{
		"v": nil, "changes": changeKeys, "retag": retagKeys, "bulk": nil, "origin": nil, "attempts": nil, "before": nil,
		"firstSeen": nil, "ref": nil, "reason": nil, "original": nil,
	}
	contentKeys = keys{"VideoId": nil, "Title": nil, "Description": nil, "Tags": nil, "CateId": nil, "CoverURL": nil}
)

// exactly refuses names that differ from ours in case alone, which encoding/json takes
// for ours, and names that are there twice, of which it takes the last.
func exactly(body []byte, names keys) error {
	return walk(json.NewDecoder(bytes.NewReader(body)), names)
}

func walk(d *json.Decoder, names keys) error {
	token, err := d.Token()
	if err != nil {
		if err == io.EOF { //nolint:errorlint // a decoder gives it as it is
			return nil
		}
		return err
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		below := names
		if token == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			text, _ := name.(string)
			inner, known := names[text]
			switch {
			case seen[text]:
				return fmt.Errorf("the field %q is there twice", clip(text))
			case names != nil && !known:
				return fmt.Errorf("%w %q", ErrUnknownField, clip(text))
			}
			seen[text], below = true, inner
		}
		if err := walk(d, below); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// unmarked is a text without the byte order mark that some editors put first.
func unmarked(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\ufeff")) }
