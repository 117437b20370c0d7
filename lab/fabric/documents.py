"""The wire server's XML documents for one VM, as far as agents 2.2.47 to 2.12 read them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from lab.addresses import WIRESERVER
from lab.fabric.vms import Handler, Vm

if TYPE_CHECKING:
    from lab.fabric.certificates import Certificates
    from lab.fabric.storage import Storage

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
PROTOCOLS = ("2015-04-05", "2012-11-30", "2012-09-15", "2012-05-15", "2011-12-31")
"""2012-11-30 is the one that every agent speaks."""

_TICKS_TO_1970 = 62_135_596_800


def versions() -> str:
    """The answer to ``?comp=versions``."""
    supported = "".join(f"<Version>{each}</Version>" for each in PROTOCOLS)
    preferred = f"<Preferred><Version>{PROTOCOLS[0]}</Version></Preferred>"
    return f"{HEAD}<Versions>{preferred}<Supported>{supported}</Supported></Versions>"


def instance(vm: Vm) -> str:
    """The VM's role instance."""
    return f"_{vm.name}"


def goal_state(vm: Vm) -> str:
    """What the VM is to be, and where its configuration is."""
    base = f"http://{WIRESERVER}:80/machine/{vm.id('container')}/{vm.deployment}.{instance(vm)}?comp=config&type="
    kinds = {"HostingEnvironmentConfig": "hostingEnvironmentConfig", "SharedConfig": "sharedConfig", "ExtensionsConfig": "extensionsConfig"}
    kinds["FullConfig"] = "fullConfig"
    if vm.certificates:
        kinds["Certificates"] = "certificates"
    urls = "".join(f"<{tag}>{escape(base + kind)}&amp;incarnation={vm.incarnation}</{tag}>" for tag, kind in kinds.items())
    return f"""{HEAD}<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="goalstate10.xsd">
  <Version>2012-11-30</Version>
  <Incarnation>{vm.incarnation}</Incarnation>
  <Machine>
    <ExpectedState>Started</ExpectedState>
    <StopRolesDeadlineHint>300000</StopRolesDeadlineHint>
    <LBProbePorts><Port>16001</Port></LBProbePorts>
    <ExpectHealthReport>FALSE</ExpectHealthReport>
  </Machine>
  <Container>
    <ContainerId>{vm.id("container")}</ContainerId>
    <RoleInstanceList>
      <RoleInstance>
        <InstanceId>{vm.deployment}.{instance(vm)}</InstanceId>
        <State>Started</State>
        <Configuration>{urls}<ConfigName>{vm.deployment}.0.{vm.deployment}.0.{instance(vm)}.1.xml</ConfigName></Configuration>
      </RoleInstance>
    </RoleInstanceList>
  </Container>
</GoalState>
"""


def hosting_environment(vm: Vm) -> str:
    """Names of deployment and role."""
    role = f'guid="{{{vm.id("role")}}}" name={quoteattr(instance(vm))} software="" softwareType="ApplicationPackage"'
    return f"""{HEAD}<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="{vm.incarnation}">
  <StoredCertificates/>
  {_deployment(vm)}
  <Incarnation number="1" instance={quoteattr(instance(vm))} guid="{{{vm.id("instance")}}}"/>
  <Role {role} hostingEnvironmentVersion="1" entryPoint="" parameters="" settleTimeSeconds="0"/>
  <HostingEnvironmentSettings name="full" Runtime="rd_fabric_stable.lab">
    <CAS mode="full"/>
    <PrivilegeLevel mode="max"/>
    <AdditionalProperties><CgiHandlers/></AdditionalProperties>
  </HostingEnvironmentSettings>
</HostingEnvironmentConfig>
"""


def shared_config(vm: Vm) -> str:
    """The deployment and its instances: this VM alone."""
    return f"""{HEAD}<SharedConfig version="1.0.0.0" goalStateIncarnation="{vm.incarnation}">
  {_deployment(vm)}
  <Incarnation number="1" instance={quoteattr(instance(vm))} guid="{{{vm.id("instance")}}}"/>
  <Role guid="{{{vm.id("role")}}}" name={quoteattr(instance(vm))} settleTimeSeconds="0"/>
  <LoadBalancerSettings timeoutSeconds="0" waitLoadBalancerProbeCount="8"/>
  <OutputEndpoints/>
  <Instances>
    <Instance id={quoteattr(instance(vm))} address="{vm.address}"><FaultDomains randomId="0" updateId="0" updateCount="0"/></Instance>
  </Instances>
</SharedConfig>
"""


def _deployment(vm: Vm) -> str:
    service = '<Service name="_" guid="{00000000-0000-0000-0000-000000000000}"/>'
    name = quoteattr(vm.deployment)
    guid = f'guid="{{{vm.id("deployment")}}}" incarnation="0" isNonCancellableTopologyChangeEnabled="false"'
    return f'<Deployment name={name} {guid}>{service}<ServiceInstance name={name} guid="{{{vm.id("service")}}}"/></Deployment>'


def extensions_config(vm: Vm, storage: Storage, certificates: Certificates) -> str:
    """The extensions that are to be there, with their settings, and where the agent puts its status."""
    plugins = "".join(_plugin(handler, storage) for handler in vm.handlers)
    settings = "".join(_settings(vm, handler, storage, certificates) for handler in vm.handlers)
    family = escape(storage.url("gafamily", "Prod_manifest.xml"))
    ticks = int((time.time() + _TICKS_TO_1970) * 10_000_000)
    told = f'inSvdSeqNo="{vm.incarnation}" createdOnTicks="{ticks}" activityId="{vm.id("activity")}" correlationId="{vm.id("correlation")}"'
    return f"""{HEAD}<Extensions version="1.0.0.0" goalStateIncarnation="{vm.incarnation}">
  <GuestAgentExtension xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
    <GAFamilies><GAFamily><Name>Prod</Name><Uris><Uri>{family}</Uri></Uris></GAFamily></GAFamilies>
    <Location>{family}</Location>
  </GuestAgentExtension>
  <Plugins>{plugins}</Plugins>
  <PluginSettings>{settings}</PluginSettings>
  <StatusUploadBlob statusBlobType="BlockBlob">{escape(storage.signed_url("status", f"{vm.name}.status"))}</StatusUploadBlob>
  <InVMArtifactsProfileBlob/>
  <InVMGoalStateMetaData {told}/>
</Extensions>
"""


def _plugin(handler: Handler, storage: Storage) -> str:
    manifest = quoteattr(storage.url("ext", f"{handler.name}_manifest.xml"))
    return (
        f'<Plugin name={quoteattr(handler.name)} version={quoteattr(handler.version)} location={manifest} config="" '
        f'state={quoteattr(handler.state)} autoUpgrade="false" failoverlocation={manifest} runAsStartupTask="false" isJson="true" '
        'useExactVersion="true"/>'
    )


def _settings(vm: Vm, handler: Handler, storage: Storage, certificates: Certificates) -> str:
    """Public settings as Azure Backup sends them, then the handler's own; the storage address is a secret."""
    now = int((time.time() + _TICKS_TO_1970) * 10_000_000)
    public = {"locale": "en-us", "taskId": vm.id("task"), "commandToExecute": "snapshot", "vmType": "microsoft.compute/virtualmachines"}
    settings: dict[str, object] = {"publicSettings": {**public, "commandStartTimeUTCTicks": str(now), **handler.public}}
    if vm.certificates:
        secret = json.dumps({"logsBlobUri": storage.signed_url("status", f"{vm.name}.log")})
        settings["protectedSettings"] = certificates.encrypt(vm, secret)
        settings["protectedSettingsCertThumbprint"] = certificates.thumbprint(vm)
    content = escape(json.dumps({"runtimeSettings": [{"handlerSettings": settings}]}))
    name = f"name={quoteattr(handler.name)} version={quoteattr(handler.version)}"
    return f'<Plugin {name}><RuntimeSettings seqNo="{vm.incarnation - 1}">{content}</RuntimeSettings></Plugin>'
