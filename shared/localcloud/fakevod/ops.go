package fakevod

import (
	"maps"
	"slices"
)

// operations is the API: what is not here is InvalidApi.NotFound. The rates are
// those of vod-api.md 1.6; where it gives a range or none, the lower or that of the
// operation's nearest kin.
var operations = map[string]operation{
	"CreateUploadVideo":       {80, createUploadVideo, "FileName"},
	"RefreshUploadVideo":      {80, refreshUploadVideo, "VideoId"},
	"CreateUploadImage":       {80, createUploadImage, "OriginalFileName"},
	"GetVideoInfo":            {100, getVideoInfo, "VideoId"},
	"GetVideoInfos":           {100, getVideoInfos, "VideoIds"},
	"BatchGetMediaInfos":      {50, batchGetMediaInfos, "MediaIds"},
	"UpdateVideoInfo":         {100, updateVideoInfo, "VideoId"},
	"UpdateVideoInfos":        {30, updateVideoInfos, "UpdateContent"},
	"SearchMedia":             {50, searchMedia, "Match"},
	"GetVideoList":            {50, getVideoList, "Status"},
	"GetPlayInfo":             {360, getPlayInfo, "VideoId"},
	"GetMezzanineInfo":        {100, getMezzanineInfo, "VideoId"},
	"DeleteStream":            {50, deleteStream, "VideoId"},
	"DeleteMezzanines":        {50, deleteMezzanines, "VideoIds"},
	"DeleteVideo":             {30, deleteVideo, "VideoIds"},
	"GetImageInfo":            {100, getImageInfo, "ImageId"},
	"GetImageInfos":           {30, getImageInfos, "ImageIds"},
	"UpdateImageInfos":        {30, updateImageInfos, "UpdateContent"},
	"DeleteImage":             {50, deleteImage, "DeleteImageType"},
	"SetMessageCallback":      {15, setMessageCallback, "AppId"},
	"GetMessageCallback":      {15, getMessageCallback, "AppId"},
	"DeleteMessageCallback":   {15, deleteMessageCallback, "AppId"},
	"GetCategories":           {50, getCategories, "CateId"},
	"AddCategory":             {30, addCategory, "CateName"},
	"UpdateCategory":          {100, updateCategory, "CateId"},
	"DeleteCategory":          {10, deleteCategory, "CateId"},
	"ListSnapshots":           {30, listSnapshots, "VideoId"},
	"GetAIVideoTagResult":     {50, getAIVideoTagResult, "MediaId"},
	"UpdateMediaStorageClass": {50, updateMediaStorageClass, "MediaIds"},
	"RestoreMedia":            {50, restoreMedia, "MediaIds"},
	"RefreshMediaPlayUrls":    {50, refreshMediaPlayUrls, "MediaIds"},
	"GetMediaRefreshJobs":     {50, getMediaRefreshJobs, "MediaRefreshJobId"},
	"RefreshVodObjectCaches":  {50, refreshVodObjectCaches, "ObjectPath"},
	"GetCallerIdentity":       {0, getCallerIdentity, ""},
}

// Operations lists what is emulated, sorted.
func Operations() []string {
	return slices.Sorted(maps.Keys(operations))
}

func getCallerIdentity(s *Server, c *call) (any, *fault) {
	id, _ := s.opt.Keys.Identity(c.key.ID) // the gateway has found it
	out := reply{"AccountId": id.AccountID, "Arn": id.ARN, "IdentityType": id.IdentityType, "PrincipalId": id.PrincipalID}
	if id.RoleID != "" {
		out["RoleId"] = id.RoleID
	} else {
		out["UserId"] = id.UserID
	}
	return out, nil
}
