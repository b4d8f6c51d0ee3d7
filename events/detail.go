package events

import (
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Upload is the Detail of FileUploadComplete, ImageUploadComplete and
// AttachedMediaUploadComplete.
type Upload struct {
	URL  string
	Size int64 // bytes; 0: not said
}

// Pull is the Detail of UploadByURLComplete, which means two things: a video that
// was pulled, or (Stream) a finished output that was attached to a video.
type Pull struct {
	From   string // the address that was asked for
	Stream bool
	URL    string // of the stream
	Size   int64  // bytes; 0: not said
}

// Analysis is the Detail of VideoAnalysisComplete. Zero values were not said; pure
// audio has no picture.
type Analysis struct {
	Duration      time.Duration
	Width, Height int
	FPS           float64
	Bitrate       float64 // kbit/s
	Size          int64   // bytes
}

// Output is the Detail of StreamTranscodeComplete. It is no video.Stream: the
// provider's word for one output here says less than its reading calls do.
type Output struct {
	Status        Status
	Job           string
	Definition    string
	Format        string
	Duration      time.Duration
	Width, Height int
	FPS           float64
	Bitrate       float64 // kbit/s
	Size          int64   // bytes
	Audio         bool
	Encrypted     bool
	URL           string
	Code          string // of a failure
}

// Transcode is the Detail of TranscodeComplete. The whole counts as a success when
// one output is: look at each.
type Transcode struct {
	Outputs    []Output
	Preprocess bool
}

// Snapshot is one entry of Snapshots.
type Snapshot struct {
	Status Status
	Type   string
	Job    string
	Count  int
	URL    string // with {SnapshotCount} for the number, five digits from 00001
}

// Snapshots is the Detail of SnapshotComplete.
type Snapshots struct {
	Cover   string // URL
	OfTime  bool   // made for a point in time that a call asked for
	Entries []Snapshot
}

// Animations is the Detail of DynamicImageComplete.
type Animations []Animation

// Animation is one animated image.
type Animation struct {
	Status        Status
	Job           string
	URL           string
	Size          int64
	Width, Height int
	FPS           float64
}

// LiveRecord is the Detail of AddLiveRecordVideoComplete and, without times, of
// LiveRecordVideoComposeStart.
type LiveRecord struct {
	Domain, App, Stream string
	From, To            time.Time
}

// Review is the Detail of CreateAuditComplete (Blocked from the verdict) and
// AIMediaAuditComplete.
type Review struct {
	Verdict string // Normal or Blocked; pass, review or block
	Label   string
	Modules string // which parts of the media were found abnormal
	Reason  string
}

// Labels is the Detail of AIVideoTagComplete: what was seen in the video.
type Labels struct {
	Person, Time, Location, Keyword, Category []string
}

// Deleted is the Detail of DeleteMediaComplete.
type Deleted struct {
	Type string   // all, mezzanine, stream
	Jobs []string // of the deleted streams
}

// BaseChange is the Detail of MediaBaseChangeComplete: what somebody changed.
type BaseChange struct {
	Mode   string            // create, update, delete
	Fields map[string]Values // by the provider's names: Title, Description, CoverURL, CateId, Tags
}

// Update is what the fields hold after the change, as far as a message of ours can
// set them.
func (c BaseChange) Update(id video.ID) video.Update {
	u := video.Update{ID: id}
	text := func(name string) *string {
		if v, ok := c.Fields[name]; ok {
			return &v.New
		}
		return nil
	}
	u.Title, u.Description, u.Cover = text("Title"), text("Description"), text("CoverURL")
	if digits := text("CateId"); digits != nil {
		if n, err := strconv.ParseInt(*digits, 10, 64); err == nil {
			u.Category = &n
		}
	}
	if list := text("Tags"); list != nil {
		tags := video.SplitTags(*list)
		u.Tags = &tags
	}
	return u
}

// Values are a field before and after. A number is given as its digits.
type Values struct{ Old, New string }

// Storage is the Detail of UpdateMediaStorageClassComplete.
type Storage struct {
	Scope string // All, SourceFile
	Class string // Standard, IA, Archive, ColdArchive
	By    string // LifeCycle, API
}

// Restored is the Detail of RestoreMediaComplete.
type Restored struct{ Until time.Time }

// Workflow is the Detail of WorkflowTaskComplete. What its nodes did is in Raw: no
// full sample of that was ever published.
type Workflow struct{ ID, Task string }

// details reads what each kind adds. A reader never fails: what cannot be read is
// absent, since the envelope alone already says which media to look at.
var details = map[string]func(object) any{
	FileUploadComplete:          upload,
	ImageUploadComplete:         upload,
	AttachedMediaUploadComplete: upload,
	UploadByURLComplete: func(o object) any {
		return Pull{
			From:   o.word("sourceurl"),
			Stream: o.word("filetype") == "Stream",
			URL:    o.word("streamfileurl"),
			Size:   o.integer("size"),
		}
	},
	VideoAnalysisComplete: func(o object) any {
		return Analysis{
			Duration: video.Length(o.float("duration")),
			Width:    int(o.integer("width")),
			Height:   int(o.integer("height")),
			FPS:      o.float("fps"),
			Bitrate:  o.float("bitrate"),
			Size:     o.integer("size"),
		}
	},
	StreamTranscodeComplete: func(o object) any { return output(o) },
	TranscodeComplete: func(o object) any {
		t := Transcode{Preprocess: o.flag("preprocess")}
		for _, item := range o.list("streaminfos") {
			t.Outputs = append(t.Outputs, output(item))
		}
		return t
	},
	SnapshotComplete: func(o object) any {
		s := Snapshots{Cover: o.word("coverurl"), OfTime: o.word("subtype") == "SpecifiedTime"}
		for _, item := range o.list("snapshotinfos") {
			s.Entries = append(s.Entries, Snapshot{
				Status: status(item),
				Type:   item.word("snapshottype"),
				Job:    item.word("jobid"),
				Count:  int(item.integer("snapshotcount")),
				URL:    item.word("snapshotregular"),
			})
		}
		return s
	},
	DynamicImageComplete: func(o object) any {
		var all Animations
		for _, item := range o.list("dynamicimagejobinfo") {
			all = append(all, Animation{
				Status: status(item),
				Job:    item.word("jobid"),
				URL:    item.word("fileurl"),
				Size:   item.integer("filesize"),
				Width:  int(item.integer("width")),
				Height: int(item.integer("height")),
				FPS:    item.float("fps"),
			})
		}
		return all
	},
	AddLiveRecordVideoComplete:  liveRecord,
	LiveRecordVideoComposeStart: liveRecord,
	CreateAuditComplete: func(o object) any {
		return Review{Verdict: o.word("auditstatus"), Reason: o.text("reason")}
	},
	AIMediaAuditComplete: func(o object) any {
		data := o.inner("data")
		if data == nil {
			return nil
		}
		return Review{Verdict: data.word("suggestion"), Label: data.word("label"), Modules: data.word("abnormalmodules")}
	},
	AIVideoTagComplete: func(o object) any {
		data := o.inner("data")
		if data == nil {
			return nil
		}
		names := func(key string) (tags []string) {
			for _, item := range data.list(key) {
				if tag := item.word("tag"); tag != "" {
					tags = append(tags, tag)
				}
			}
			return tags
		}
		return Labels{names("person"), names("time"), names("location"), names("keyword"), names("category")}
	},
	DeleteMediaComplete: func(o object) any {
		return Deleted{Type: o.word("deletetype"), Jobs: video.SplitTags(o.text("jobids"))}
	},
	MediaBaseChangeComplete: func(o object) any {
		c := BaseChange{Mode: o.word("operatemode")}
		content := o.inner("mediacontent")
		for _, name := range []string{"Title", "Description", "CoverURL", "CateId", "Tags"} {
			if v := content.inner(strings.ToLower(name)); v != nil {
				if c.Fields == nil {
					c.Fields = map[string]Values{}
				}
				c.Fields[name] = Values{Old: v.text("oldvalue"), New: v.text("newvalue")}
			}
		}
		return c
	},
	UpdateMediaStorageClassComplete: func(o object) any {
		return Storage{Scope: o.word("scope"), Class: o.word("storageclass"), By: o.word("triggerby")}
	},
	RestoreMediaComplete: func(o object) any { return Restored{Until: o.time("restoreexpiration")} },
	WorkflowTaskComplete: func(o object) any {
		return Workflow{ID: o.word("workflowid"), Task: o.word("taskid")}
	},
}

func upload(o object) any { return Upload{URL: o.word("fileurl"), Size: o.integer("size")} }

func liveRecord(o object) any {
	return LiveRecord{
		Domain: o.word("domainname"),
		App:    o.word("appname"),
		Stream: o.word("streamname"),
		From:   o.time("recordstarttime"),
		To:     o.time("recordendtime"),
	}
}

func output(o object) Output {
	return Output{
		Status:     status(o),
		Job:        o.word("jobid"),
		Definition: o.word("definition"),
		Format:     o.word("format"),
		Duration:   video.Length(o.float("duration")),
		Width:      int(o.integer("width")),
		Height:     int(o.integer("height")),
		FPS:        o.float("fps"),
		Bitrate:    o.float("bitrate"),
		Size:       o.integer("size"),
		Audio:      o.flag("isaudio"),
		Encrypted:  o.flag("encrypt"),
		URL:        o.word("fileurl"),
		Code:       o.word("errorcode"),
	}
}
