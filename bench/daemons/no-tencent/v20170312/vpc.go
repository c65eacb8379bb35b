// Package v20170312 stands in for the client of one cloud's routes, a module of many megabytes that flanneld imports for a backend that the bench does not
// use. It has the names that this backend takes, and does nothing.
package v20170312

import "errors"

var errAbsent = errors.New("this flanneld was built without the client of Tencent Cloud")

// Client has no connection.
type Client struct{}

// Filter, Route and RouteTable are what requests and answers carry.
type Filter struct {
	Name   *string
	Values []*string
}

type Route struct {
	DestinationCidrBlock, GatewayId, GatewayType, RouteType *string
	RouteId                                                 *uint64
	Enabled                                                 *bool
}

type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

type DescribeRouteTablesRequest struct{ Filters []*Filter }

type DescribeRouteTablesResponse struct {
	Response *struct{ RouteTableSet []*RouteTable }
}

// RoutesRequest deletes or creates routes.
type RoutesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

func NewClientWithSecretId(_, _, _ string) (*Client, error)       { return &Client{}, nil }
func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest { return &DescribeRouteTablesRequest{} }
func NewDeleteRoutesRequest() *RoutesRequest                     { return &RoutesRequest{} }
func NewCreateRoutesRequest() *RoutesRequest                     { return &RoutesRequest{} }

func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, errAbsent
}
func (*Client) DeleteRoutes(*RoutesRequest) (*struct{}, error) { return nil, errAbsent }
func (*Client) CreateRoutes(*RoutesRequest) (*struct{}, error) { return nil, errAbsent }
