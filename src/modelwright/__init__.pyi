from modelwright.core.errors import DataError as DataError
from modelwright.core.errors import ModelwrightError as ModelwrightError
from modelwright.core.errors import SpecError as SpecError
from modelwright.interfaces import client as client
from modelwright.interfaces.hosting import asgi as asgi
from modelwright.interfaces.python import check as check
from modelwright.interfaces.python import init as init
from modelwright.interfaces.python import load as load
from modelwright.interfaces.python import predict as predict
from modelwright.interfaces.python import profile as profile
from modelwright.interfaces.python import run as run
from modelwright.spec.load import load_spec as load_spec
from modelwright.spec.model import Spec as Spec

__version__: str
