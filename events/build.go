package events

import (
	_ "embed"
	"time"

	"vodcurator/shared/video"
)

// MetadataSchema is the JSON Schema of the metadata message, for whoever sends one
// in another language.
//
//go:embed metadata.schema.json
var MetadataSchema []byte

// Builder makes a change step by step. Each step returns a new Builder and leaves
// the old one as it was, so that one can be the start of many.
type Builder struct{ change video.Change }

// ChangeOf starts a change of a video or audio.
func ChangeOf(id video.ID) Builder { return Builder{video.Change{ID: id}} }

// ChangeOfImage starts a change of an image.
func ChangeOfImage(id video.ID) Builder {
	return Builder{video.Change{ID: id, Kind: video.KindImage}}
}

// Title sets the title; an empty one clears it.
func (b Builder) Title(title string) Builder { b.change.Set.Title = &title; return b }

// Description sets the description; an empty one clears it.
func (b Builder) Description(text string) Builder { b.change.Set.Description = &text; return b }

// Category sets the category.
func (b Builder) Category(id int64) Builder { b.change.Set.Category = &id; return b }

// Cover sets the cover's URL.
func (b Builder) Cover(url string) Builder { b.change.Set.Cover = &url; return b }

// Tags replaces the whole tag list; none empties it.
func (b Builder) Tags(tags ...string) Builder {
	list := append([]string{}, tags...)
	b.change.Tags.Set = &list
	return b
}

// AddTags adds tags to the list.
func (b Builder) AddTags(tags ...string) Builder {
	b.change.Tags.Add = append(append([]string(nil), b.change.Tags.Add...), tags...)
	return b
}

// RemoveTags takes tags off the list.
func (b Builder) RemoveTags(tags ...string) Builder {
	b.change.Tags.Remove = append(append([]string(nil), b.change.Tags.Remove...), tags...)
	return b
}

// IssuedAt says when the change was issued: of two changes of one field the later one wins.
func (b Builder) IssuedAt(t time.Time) Builder { b.change.IssuedAt = t.UTC(); return b }

// IfUnmodifiedSince refuses the change when the media was modified later than t.
func (b Builder) IfUnmodifiedSince(t time.Time) Builder {
	b.change.IfUnmodifiedSince = t.UTC()
	return b
}

// Change is the finished change, or all that is wrong with it; the error wraps
// video.ErrInvalid.
func (b Builder) Change() (video.Change, error) {
	if err := b.change.Check(); err != nil {
		return video.Change{}, err
	}
	return b.change, nil
}
