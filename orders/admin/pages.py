"""What every page shows: the network, and whether anything is sending."""


def site_state(request):
    return {}


def dashboard(request, context):
    return context
