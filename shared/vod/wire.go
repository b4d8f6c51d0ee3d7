package vod

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"vodcurator/shared/video"
)

// # Why
//
// The SDK decodes an answer about twenty media as one, and fails all twenty over
// one of them that has an object where a list is usual. Here each media is decoded
// by itself, into only the fields that we read: what is wrong with one costs only
// that one, and what is wrong with a field that nobody reads costs nothing.

// word is text, which VOD sometimes writes as a number.
type word string

// UnmarshalJSON reads text, a number, true or false; null is empty.
func (w *word) UnmarshalJSON(raw []byte) error {
	switch {
	case raw[0] == '"':
		return json.Unmarshal(raw, (*string)(w))
	case raw[0] == '{' || raw[0] == '[':
		return misfit(raw, *w)
	case !bytes.Equal(raw, []byte("null")):
		*w = word(raw)
	}
	return nil
}

// whole is a whole number, which VOD sometimes writes as text.
type whole int64

// UnmarshalJSON reads a whole number or the text of one; null and empty text are 0.
func (n *whole) UnmarshalJSON(raw []byte) error {
	var w word
	if raw[0] == 't' || raw[0] == 'f' || w.UnmarshalJSON(raw) != nil {
		return misfit(raw, *n)
	}
	if w = word(strings.TrimSpace(string(w))); w == "" {
		return nil
	}
	if i, err := strconv.ParseInt(string(w), 10, 64); err == nil {
		*n = whole(i)
		return nil
	}
	f, err := strconv.ParseFloat(string(w), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return misfit(raw, *n)
	}
	*n = whole(f)
	return nil
}

// misfit names the kind of a value and never the value, which may be a signed URL.
func misfit(raw []byte, want any) error {
	kind := "number"
	switch raw[0] {
	case '{':
		kind = "object"
	case '[':
		kind = "array"
	case '"':
		kind = "string"
	case 't', 'f':
		kind = "bool"
	}
	return &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeOf(want)}
}

// The wire's spelling, and of each type only what is read.
type (
	mediaWire struct {
		MediaID   word `json:"MediaId"`
		MediaInfo *struct {
			MediaID                                                                                       word `json:"MediaId"`
			Title, Description, Tags, CateName, CoverURL, Status, StorageClass, StorageLocation, UserData word
			CreationTime, ModificationTime                                                                word
			AppID                                                                                         word  `json:"AppId"`
			RegionID                                                                                      word  `json:"RegionId"`
			CateID                                                                                        whole `json:"CateId"`
			Snapshots                                                                                     []word
		}
		MezzanineInfo struct {
			MediaID                                                         word `json:"MediaId"`
			Status, FileName, FileMD5, Duration, Fps, Bitrate, CreationTime word
			Size, Width, Height                                             whole
			VideoStreamList                                                 []trackWire
			AudioStreamList                                                 []trackWire
		}
		PlayInfoList []playWire
	}
	trackWire struct {
		CodecName, Width, Height, Rotate, AvgFPS, Fps, Sar, Dar word
	}
	playWire struct {
		JobID                                                                                   word `json:"JobId"`
		Definition, Format, CodecName, StreamType, Status, Fps, Bitrate, Duration, CreationTime word
		Size, Width, Height, Encrypt                                                            whole
	}
	videoWire struct {
		VideoID                                                                                                               word `json:"VideoId"`
		AudioID                                                                                                               word `json:"AudioId"`
		MediaType, Title, Description, Tags, CateName, CoverURL, Status, StorageClass, StorageLocation, UserData, MediaSource word
		TranscodeMode, Duration, CreationTime, CreateTime, ModificationTime, ModifyTime                                       word
		AppID                                                                                                                 word  `json:"AppId"`
		RegionID                                                                                                              word  `json:"RegionId"`
		CateID                                                                                                                whole `json:"CateId"`
		Size                                                                                                                  whole
		Snapshots                                                                                                             []word
	}
	imageWire struct {
		ImageID                                                                                          word `json:"ImageId"`
		Title, Description, Tags, CateName, Status, ImageType, Type, URL, CreationTime, ModificationTime word
		AppID                                                                                            word  `json:"AppId"`
		RegionID                                                                                         word  `json:"RegionId"`
		CateID                                                                                           whole `json:"CateId"`
		Mezzanine                                                                                        struct {
			OriginalFileName, FileSize word
			Width, Height              whole
		}
	}
	hitWire struct {
		MediaID      word `json:"MediaId"`
		CreationTime word
		Video, Audio videoWire
		Image        imageWire
	}
)

// readOne fills a wire type from the answer about one media. An error wraps
// video.ErrInvalid and names the field at fault, without its value.
func readOne(raw json.RawMessage, into any) error {
	err := json.Unmarshal(raw, into)
	var misfit *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &misfit):
		return fmt.Errorf("%w: VOD answers %s as %s, and documents %s", video.ErrInvalid,
			cmp.Or(misfit.Field, "the asset"), given(misfit.Value), documented(misfit.Type))
	}
	return fmt.Errorf("%w: the answer about it is no JSON", video.ErrInvalid) // the decoder's words may hold some of it
}

func given(kind string) string {
	kind, _, _ = strings.Cut(kind, " ") // what follows a kind is the value
	switch kind {
	case "object":
		return "an object"
	case "array":
		return "a list"
	case "string":
		return "text"
	}
	return "a " + kind
}

func documented(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Pointer:
		return "an object"
	case reflect.Int64:
		return "a whole number"
	}
	return "text"
}

// each decodes what an answer says of several media, and gives each id its value
// or its own fault. What tells no id is left out: nobody asked for it.
func each[W, V any](list []json.RawMessage, idOf func(json.RawMessage) video.ID, value func(W) (V, error)) verdicts[video.ID, V] {
	found := make(verdicts[video.ID, V], len(list))
	for _, raw := range list {
		id := idOf(raw)
		if id == "" {
			continue
		}
		var w W
		v := verdict[V]{err: readOne(raw, &w)}
		if v.err == nil {
			v.value, v.err = value(w)
		}
		if _, twice := found[id]; twice {
			v = verdict[V]{err: fmt.Errorf("%w: VOD answers it twice", video.ErrInvalid)}
		}
		if v.err != nil {
			v.err = fmt.Errorf("media %s: %w", id, v.err)
		}
		found[id] = v
	}
	return found
}

// idIn reads the id of a media whatever else its answer holds.
func idIn(field string) func(json.RawMessage) video.ID {
	return func(raw json.RawMessage) video.ID {
		var fields map[string]json.RawMessage
		var id string
		if json.Unmarshal(raw, &fields) != nil || json.Unmarshal(fields[field], &id) != nil {
			return ""
		}
		return video.ID(id)
	}
}
