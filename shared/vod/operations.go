package vod

// repeat says what a second execution of an operation does.
type repeat int

const (
	reads    repeat = iota // nothing
	absolute               // the same again: sets absolute values, whatever it was before
	once                   // something else: creates, spends a quota, moves a date
	never                  // removes for good: whoever repeats it looks again before
)

// operation is one line of the rate table.
type operation struct {
	qps    float64 // calls a second of the whole account
	repeat repeat
}

// operations holds the documented rates (vod-api.md 1.6). Those marked are not
// published under the operation's name, and the lowest that fits is taken.
var operations = map[string]operation{
	"GetVideoInfo":            {100, reads},
	"GetVideoInfos":           {100, reads},
	"BatchGetMediaInfos":      {50, reads}, // not published; half of GetVideoInfos, since it does the work of three
	"GetPlayInfo":             {360, reads},
	"GetMezzanineInfo":        {100, reads},
	"SearchMedia":             {50, reads},
	"GetVideoList":            {50, reads}, // by its place in the table
	"GetImageInfo":            {100, reads},
	"GetImageInfos":           {30, reads}, // 30 to 50
	"ListSnapshots":           {30, reads}, // 30 to 50
	"GetCategories":           {50, reads},
	"GetAIVideoTagResult":     {15, reads}, // not published; the rate of the other job results
	"DescribePlayTopVideos":   {15, reads}, // not published; the rate of the other results
	"GetMessageCallback":      {15, reads}, // not published; the rate of setting it
	"UpdateVideoInfo":         {100, absolute},
	"UpdateVideoInfos":        {30, absolute},
	"UpdateImageInfos":        {30, absolute}, // 30 to 50
	"DeleteVideo":             {30, never},
	"DeleteStream":            {50, never},
	"DeleteMezzanines":        {50, never}, // by its place in the table
	"DeleteImage":             {50, never},
	"SetMessageCallback":      {15, absolute},
	"UpdateMediaStorageClass": {50, once},
	"RestoreMedia":            {50, once},
	"RefreshMediaPlayUrls":    {50, once},
	"RefreshVodObjectCaches":  {10, once},   // not published
	"AssumeRole":              {100, reads}, // of STS, not of VOD: it makes keys and changes nothing
	"GetCallerIdentity":       {100, reads}, // of STS, likewise
	"CreateUploadVideo":       {40, once},   // 80 in four regions
	"CreateUploadImage":       {40, once},   // 80 in four regions
}
