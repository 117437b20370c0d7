# Azure Backup preflight: the collector for Windows.
#
# What it does: reads the registry, WMI (CIM), files below C:\WindowsAzure and C:\Packages, and the event log; runs whoami.exe,
#   sc.exe query and vssadmin.exe list writers; opens connections to the Azure fabric (168.63.129.16), to IMDS (169.254.169.254)
#   and to the storage hosts it is told; and prints what it saw as sections. docs/recording.md describes each of them. It passes
#   no judgement.
# What it never does: write a file, change a setting, start or stop a service, leave a process behind, read a private key, a
#   password or protected settings, or run text that it was given: parameters are checked words.
# With -Logs yes it makes none of its probes, and prints the ends of the agent's and the backup extension's logs instead.
# To run it by hand, elevated:  powershell -ExecutionPolicy Bypass -File windows.ps1 > vm9.recording
# To allow just it: publish it in a JEA endpoint (README, Windows: allow only the collector).
# It needs PowerShell 4.0 or newer, has no #requires line, and can be signed. In ConstrainedLanguage mode what needs more is
#   "unsupported". Of errors it looks only at identifiers and numbers, never at their text: that is translated.
# It ends within about 40 seconds, whatever hangs: every probe that can wait has a limit.

param([string]$Nonce = '', [string]$StorageEndpoints = '', [string]$Logs = 'no')

Set-StrictMode -Off
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'

$version = '0.1.0'
$state = @{ sections = 0; cim = ''; tls = 0; logs = @() }
$connectSeconds = 5
$epoch = [datetime]'1970-01-01'
$software = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft'
$software32 = 'HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft'
$control = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet'
$internet = 'Software\Microsoft\Windows\CurrentVersion\Internet Settings'
$azure = "$env:SystemDrive\WindowsAzure"
$backup = 'Microsoft.Azure.RecoveryServices.VMSnapshot'
$plugin = "$env:SystemDrive\Packages\Plugins\$backup"
$crypto = "$env:ProgramData\Microsoft\Crypto"
$wow64 = [bool]$env:PROCESSOR_ARCHITEW6432
$services = 'RdAgent', 'WindowsAzureGuestAgent', 'IaasVmProvider', 'VSS', 'swprv', 'EventSystem', 'COMSysApp', 'MSDTC',
  'msiserver', 'Winmgmt', 'KeyIso', 'SQLWriter'

# --- Parameters -------------------------------------------------------------------------------------------------------------

if (-not $Nonce) { $Nonce = -join $(foreach ($digit in 1..32) { '{0:x}' -f (Get-Random -Maximum 16) }) }
if ($Nonce -cnotmatch '^[0-9a-f]{32}$') { throw 'abp:error:the parameter Nonce is not valid' }
if ($StorageEndpoints -notmatch '^[A-Za-z0-9.,-]*$') { throw 'abp:error:the parameter StorageEndpoints is not valid' }
if ($Logs -cnotmatch '^(yes|no)$') { throw 'abp:error:the parameter Logs is not valid' }
$storageHosts = @($StorageEndpoints -split ',' | Where-Object { $_ })

# --- JSON: ASCII only, so that no code page matters. ConvertTo-Json would show what PowerShell hangs on strings ---------------

function ConvertTo-Word([string]$Text) {
  $safe = $Text -replace '(://|^|[\s=;"''])[^\s=;"''/:@]*:[^\s;"''/@]*@', '$1***@' -replace '(?i)(sig)(=|%3D)[^&\s"''<>]*', '$1$2***'
  $safe = $safe -replace '\\', '\\' -replace '"', '\"'
  if ($safe -match '[^\x20-\x7e]') {
    $safe = -join ($safe.ToCharArray() | ForEach-Object { if ([int]$_ -lt 32 -or [int]$_ -gt 126) { '\u{0:x4}' -f [int]$_ } else { $_ } })
  }
  '"' + $safe + '"'
}

function ConvertTo-Text($Value) {
  if ($null -eq $Value) { 'null' }
  elseif ($Value -is [bool]) { if ($Value) { 'true' } else { 'false' } }
  elseif ($Value -is [string] -or $Value -is [char]) { ConvertTo-Word $Value }
  elseif ($Value -is [datetime]) { "$(Get-Seconds $Value)" }
  elseif ($Value -is [byte[]]) { '"' + (Get-Hex $Value) + '"' }
  elseif ($Value -is [hashtable]) {
    '{' + (@($Value.Keys | Sort-Object | ForEach-Object { (ConvertTo-Word $_) + ':' + (ConvertTo-Text $Value[$_]) }) -join ',') + '}'
  }
  elseif ($Value -is [array]) { '[' + (@($Value | ForEach-Object { ConvertTo-Text $_ }) -join ',') + ']' }
  elseif ("$Value" -match '^-?[0-9]+$') { "$Value" }
  else { ConvertTo-Word "$Value" }
}

function Get-Hex([byte[]]$Bytes) { -join ($Bytes | ForEach-Object { '{0:x2}' -f $_ }) }

function Get-Seconds([datetime]$Time) { [int64]($Time.ToUniversalTime() - $epoch).TotalSeconds } # since 1970

# --- The frame: no line is longer than 79 characters, because a redirected PowerShell may break longer ones -------------------

function Write-Section([string]$Section, [string]$Subject, [string]$Status, [string]$Detail, $Value) {
  $text = ConvertTo-Text $Value # before anything is printed: it may fail
  $state.sections = $state.sections + 1
  "$Nonce begin $Section $Subject".TrimEnd()
  $text -split '(?<=\G.{76})(?=.)'
  "$Nonce end $Section $Status $Detail".TrimEnd()
}

function Section([string]$Section, [string]$Subject, [scriptblock]$Probe) { # one field: its value, or why there is none
  try { Write-Section $Section $Subject 'ok' '' (& $Probe) }
  catch {
    $found = Get-Status $_
    $said = @{ id = "$($_.FullyQualifiedErrorId)"; category = "$($_.CategoryInfo.Category)"; message = "$($_.Exception.Message)" }
    Write-Section $Section $Subject $found.status $found.detail $said
  }
}

function Get-Status($Failure) { # by identifier, category and number; "abp:STATUS:DETAIL" is our own
  $id = "$($Failure.FullyQualifiedErrorId)"
  $category = "$($Failure.CategoryInfo.Category)"
  $socket = Get-SocketError $Failure.Exception
  if ($id -like 'abp:*') { return @{ status = ($id -split ':', 3)[1]; detail = ($id -split ':', 3)[2] } }
  if ($id -like '*ConstrainedLanguage*') { return @{ status = 'unsupported'; detail = 'PowerShell runs in ConstrainedLanguage mode' } }
  if ($socket) { return @{ status = 'error'; detail = "$(Get-SocketWord $socket) $socket" } }
  if ($id -like '*0x80041003*' -or $category -eq 'PermissionDenied' -or $category -eq 'SecurityError') {
    return @{ status = 'denied'; detail = ($id -split ',')[0] }
  }
  if ($id -like 'PathNotFound*' -or $id -like 'NoMatchingEventsFound*' -or $id -like '*0x8004100e*') {
    return @{ status = 'absent'; detail = '' }
  }
  if ($id -like '*0x80041010*') { return @{ status = 'unsupported'; detail = 'this WMI class is not there' } }
  if ($id -like 'CommandNotFoundException*') { return @{ status = 'unsupported'; detail = 'this command is not there' } }
  @{ status = 'error'; detail = ($id -split ',')[0] -replace '[^\x20-\x7e]', '?' }
}

function Get-SocketError($Exception) { # the number of a socket's error, however deep it is wrapped; 0: it is none
  for ($inner = $Exception; $inner; $inner = $inner.InnerException) {
    if ($inner.SocketErrorCode) { return [int]$inner.SocketErrorCode }
  }
  0
}

function Get-SocketWord([int]$Code) {
  switch ($Code) {
    10013 { 'blocked' }
    10051 { 'unreachable' }
    10054 { 'reset' }
    10060 { 'timeout' }
    10061 { 'refused' }
    10065 { 'unreachable' }
    11001 { 'dns' }
    11002 { 'dns' }
    11004 { 'dns' }
    default { 'other' }
  }
}

# --- Registry, WMI, programs --------------------------------------------------------------------------------------------------

function Get-Values([string]$Key, [string[]]$Names) { # of a registry key: those that are there, all with '*'
  if ($wow64 -and $Key -like 'HKEY_LOCAL_MACHINE\SOFTWARE*') { throw 'abp:unsupported:a 32-bit PowerShell sees another registry' }
  $item = Get-ItemProperty -LiteralPath "Registry::$Key"
  if ($Names -contains '*') { $Names = @($item.PSObject.Properties | ForEach-Object { $_.Name } | Where-Object { $_ -notlike 'PS*' }) }
  $found = @{}
  foreach ($name in $Names) { if ($null -ne $item.$name) { $found[$name] = $item.$name } }
  $found
}

function Get-SubKeys([string]$Key) { # their names
  if ($wow64 -and $Key -like 'HKEY_LOCAL_MACHINE\SOFTWARE*') { throw 'abp:unsupported:a 32-bit PowerShell sees another registry' }
  @(Get-ChildItem -LiteralPath "Registry::$Key" | ForEach-Object { $_.PSChildName })
}

function Get-Each([string]$Key, [string]$Below, [string[]]$Names, [string]$Like = '*') { # subkey -> values
  $found = @{}
  foreach ($name in @(Get-SubKeys $Key | Where-Object { $_ -like $Like })) {
    try { $found[$name] = Get-Values "$Key\$name$Below" $Names } catch { if ((Get-Status $_).status -ne 'absent') { throw } }
  }
  $found
}

function Get-Objects([string]$Query, [string]$Namespace = 'root/cimv2') { # of WMI: the properties that the query selects
  if ($state.cim) { throw $state.cim } # one refusal, or one call without an answer, decides: each costs seconds
  $began = Get-Date
  try { $objects = @(Get-CimInstance -Namespace $Namespace -Query $Query -OperationTimeoutSec 5) }
  catch {
    if ("$($_.FullyQualifiedErrorId)" -like '*0x80041003*' -and $Namespace -eq 'root/cimv2') {
      $state.cim = 'abp:denied:WMI refuses this account (0x80041003)'
    }
    elseif ((Get-Date) -gt $began.AddSeconds(4)) { $state.cim = 'abp:timeout:5' }
    throw
  }
  $names = ($Query -replace '^SELECT (\S+) FROM .*$', '$1') -split ','
  @{
    items = @($objects | ForEach-Object {
      $object = $_
      $found = @{}
      foreach ($name in $names) { $found[$name] = $object.$name }
      $found
    })
  }
}

function Start-Tool([string]$Name, [string]$Arguments) { # a program of Windows, its output captured
  $start = New-Object Diagnostics.ProcessStartInfo
  $start.FileName = "$env:SystemRoot\System32\$Name"
  $start.Arguments = $Arguments
  $start.UseShellExecute = $false
  $start.CreateNoWindow = $true
  $start.RedirectStandardOutput = $true
  $process = [Diagnostics.Process]::Start($start)
  @{ process = $process; output = $process.StandardOutput.ReadToEndAsync() }
}

function Wait-Tool($Tool, [int]$Seconds) { # its exit code and output
  if (-not $Tool.process.WaitForExit($Seconds * 1000)) {
    $Tool.process.Kill()
    throw "abp:timeout:$Seconds"
  }
  if (-not $Tool.output.Wait(2000)) { throw 'abp:timeout:2' }
  @{ code = $Tool.process.ExitCode; output = "$($Tool.output.Result)" }
}

function Get-File([string]$Path) { # what stands in the directory about it
  $file = Get-Item -LiteralPath $Path
  @{
    path = $Path; size = $file.Length; mtime = $file.LastWriteTimeUtc
    version = $file.VersionInfo.FileVersion; product = $file.VersionInfo.ProductVersion
  }
}

function Get-Program([string]$Service) { # the file that a service starts
  $image = "$((Get-ItemProperty -LiteralPath "Registry::$control\Services\$Service").ImagePath)"
  if ($image -match '^\s*"([^"]+)"' -or $image -match '(?i)^(.+?\.exe)') { Get-File $matches[1] }
  else { throw 'abp:error:ImagePath names no program' }
}

function Get-Events([string]$Log, [hashtable]$Filter) { # times of events of the last 7 days that name the backup extension
  $Filter.LogName = $Log
  $Filter.StartTime = (Get-Date).AddDays(-7)
  $events = @(Get-WinEvent -FilterHashtable $Filter -MaxEvents 200)
  $named = @($events | Where-Object { (@($_.Properties | ForEach-Object { "$($_.Value)" }) -join ' ') -like '*IaaSBcdrExtension*' })
  @{ times = @($named | ForEach-Object { $_.TimeCreated }) }
}

# --- The network --------------------------------------------------------------------------------------------------------------

function Open-Socket([string]$Address, [int]$Port) { # begins to connect, waits for nothing
  try {
    $client = New-Object Net.Sockets.TcpClient
    $client.ReceiveTimeout = $connectSeconds * 1000
    $client.SendTimeout = $connectSeconds * 1000
    @{ client = $client; pending = $client.BeginConnect($Address, $Port, $null, $null); failure = $null }
  }
  catch { @{ failure = $_ } }
}

function Wait-Socket($Socket) { # the connection's stream
  if ($Socket.failure) { throw $Socket.failure }
  if (-not $Socket.pending.AsyncWaitHandle.WaitOne($connectSeconds * 1000)) { throw "abp:timeout:$connectSeconds" }
  $Socket.client.EndConnect($Socket.pending)
  $Socket.client.GetStream()
}

function Send-Request($Stream, [string]$Request) { # the answer, at most 64 KiB
  $latin = [Text.Encoding]::GetEncoding(28591)
  $bytes = $latin.GetBytes($Request)
  $Stream.Write($bytes, 0, $bytes.Length)
  $buffer = New-Object byte[] 65536
  $length = 0
  $deadline = (Get-Date).AddSeconds($connectSeconds)
  while ($length -lt 65536 -and (Get-Date) -lt $deadline) {
    try { $count = $Stream.Read($buffer, $length, 65536 - $length) } catch { if ($length) { break } else { throw } }
    $length = $length + $count
    if ($count -le 0 -or $Request -like 'CONNECT *') { break } # a proxy that agrees keeps the connection open
  }
  $latin.GetString($buffer, 0, $length)
}

function Get-Answer($Socket, [string]$HostName, [string]$Path) { # of a plain HTTP request, past every proxy
  try { Send-Request (Wait-Socket $Socket) "GET $Path HTTP/1.1`r`nHost: $HostName`r`nMetadata: true`r`nConnection: close`r`n`r`n" }
  finally { if ($Socket.client) { $Socket.client.Close() } }
}

function Get-Outcome([scriptblock]$Probe) { # a part of a section: what it gives, or its own status
  try { & $Probe }
  catch { Get-Status $_ }
}

function Get-Addresses([string]$Name) {
  $task = [Net.Dns]::GetHostAddressesAsync($Name)
  if (-not $task.Wait($connectSeconds * 1000)) { throw "abp:timeout:$connectSeconds" }
  @{ status = 'ok'; addresses = @($task.Result | ForEach-Object { "$($_.IPAddressToString)" }) }
}

function Get-Certificate($Socket, [string]$Name) { # a TLS 1.2 handshake; 0: Windows trusts the certificate
  try {
    $stream = Wait-Socket $Socket
    $judge = [Net.Security.RemoteCertificateValidationCallback] { $state.tls = [int]$args[3]; $true }
    $tls = New-Object Net.Security.SslStream($stream, $false, $judge)
    try { $tls.AuthenticateAsClient($Name, $null, 3072, $false) }
    catch { if (Get-SocketError $_.Exception) { throw } else { throw 'abp:error:tls' } }
    @{ status = 'ok'; errors = $state.tls; issuer = "$($tls.RemoteCertificate.Issuer)" }
  }
  finally { if ($Socket.client) { $Socket.client.Close() } }
}

function Test-Port($Socket) {
  try {
    $null = Wait-Socket $Socket
    @{ status = 'ok' }
  }
  finally { if ($Socket.client) { $Socket.client.Close() } }
}

function Get-Proxy { # of WinHTTP, else of the Local System account: HOST:PORT
  try {
    $bytes = (Get-ItemProperty -LiteralPath "Registry::HKEY_LOCAL_MACHINE\$internet\Connections").WinHttpSettings
    if ($bytes.Length -gt 16 -and ($bytes[8] -band 2)) {
      $length = $bytes[12] + 256 * $bytes[13]
      $text = -join ($bytes[16..(15 + $length)] | ForEach-Object { [char]$_ })
    }
    else {
      $item = Get-ItemProperty -LiteralPath "Registry::HKEY_USERS\S-1-5-18\$internet"
      if ($item.ProxyEnable) { $text = "$($item.ProxyServer)" } else { $text = '' }
    }
    if ($text -match '(?:https?=)?(?:https?://)?([A-Za-z0-9.-]+):([0-9]{1,5})') { @{ host = $matches[1]; port = [int]$matches[2] } }
  }
  catch { $null }
}

# --- What is read -------------------------------------------------------------------------------------------------------------

function Get-Run {
  @{
    collector = $version; sha256 = Get-OwnDigest; account = "$env:USERDOMAIN\$env:USERNAME"; powershell = "$($PSVersionTable.PSVersion)"
    language_mode = "$($ExecutionContext.SessionState.LanguageMode)"; culture = (Get-UICulture).Name
    architecture = $env:PROCESSOR_ARCHITECTURE; wow64 = $wow64; cpus = $env:NUMBER_OF_PROCESSORS; clock = Get-Date
  }
}

function Get-OwnDigest { # of the file that this is; empty when it came over the connection
  if (-not $PSCommandPath) { return '' }
  try { (Get-FileHash -LiteralPath $PSCommandPath -Algorithm SHA256).Hash.ToLower() } catch { '' }
}

function Get-Identity { # of the token's groups only Administrators and the integrity level
  $tool = Wait-Tool (Start-Tool 'whoami.exe' '/groups /fo csv /nh') 10
  @{ sids = @($tool.output -split '[",\s]+' | Where-Object { $_ -match '^S-1-(16-[0-9]+|5-32-544)$' }) }
}

function Get-Pending { # the keys whose presence says that an update waits for a reboot
  $keys = "$software\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    "$software\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"
  if ($wow64) { throw 'abp:unsupported:a 32-bit PowerShell sees another registry' }
  @{ keys = @($keys | Where-Object { Test-Path -LiteralPath "Registry::$_" }) }
}

function Get-StrongCrypto { # of .NET, in the 64-bit and the 32-bit view: 1 is strong
  $found = @{}
  foreach ($key in "$software\.NETFramework\v4.0.30319", "$software32\.NETFramework\v4.0.30319") {
    try { $found[$key] = (Get-Values $key 'SchUseStrongCrypto').SchUseStrongCrypto }
    catch { if ((Get-Status $_).status -ne 'absent') { throw } }
  }
  $found
}

function Get-Programs { # entries of Programs and Features that are the agent's
  $found = @{}
  foreach ($key in "$software\Windows\CurrentVersion\Uninstall", "$software32\Windows\CurrentVersion\Uninstall") {
    try {
      foreach ($name in @(Get-SubKeys $key)) {
        $values = Get-Values "$key\$name" 'DisplayName', 'DisplayVersion'
        if ("$($values.DisplayName)" -like '*Windows Azure VM Agent*') { $found[$name] = $values }
      }
    }
    catch { if ((Get-Status $_).status -ne 'absent') { throw } }
  }
  $found
}

function Get-Running { # processes of the agent
  $processes = @(Get-Process | Where-Object { 'WaAppAgent', 'WindowsAzureGuestAgent' -contains $_.Name })
  @{ items = @($processes | ForEach-Object { @{ name = $_.Name; id = $_.Id } }) }
}

function Get-LogLines { # of the agent's own log, which is English everywhere: what it says of the fabric's address
  $lines = @(Get-Content -LiteralPath "$azure\Logs\WaAppAgent.log" -Tail 400)
  @{ lines = @($lines | Where-Object { $_ -match 'fabric address|DHCP option' } | Select-Object -Last 10) }
}

function Get-AggregateStatus { # what the agent last told the platform of itself, not what it told of other extensions
  $paths = "$azure\*\aggregatestatus.json", "$azure\*\*\aggregatestatus.json"
  $files = @(Get-ChildItem -Path $paths | Sort-Object LastWriteTimeUtc)
  if (-not $files) { throw 'abp:absent:' }
  $text = @(Get-Content -LiteralPath $files[-1].FullName) -join "`n"
  $own = ''
  if ($text -match '"guestAgentStatus"\s*:\s*(\{([^{}"]|"([^"\\]|\\.)*"|\{([^{}"]|"([^"\\]|\\.)*")*\})*\})') { $own = $matches[1] }
  @{ mtime = $files[-1].LastWriteTimeUtc; text = '{"aggregateStatus":{"guestAgentStatus":' + $own + '}}' }
}

function Get-Folders([string]$Parent, [string]$Pattern) {
  $folders = @(Get-ChildItem -LiteralPath $Parent | Where-Object { $_.PSIsContainer -and $_.Name -match $Pattern })
  @{ names = @($folders | ForEach-Object { $_.Name }) }
}

function Get-Newest { # version of the newest folder of the backup extension
  $names = @((Get-Folders $plugin '^[0-9]+(\.[0-9]+){1,3}$').names)
  if (-not $names) { throw 'abp:absent:' }
  @($names | Sort-Object { [version]$_ })[-1]
}

function Get-ExtensionFiles { # of the newest version; machine: what the program was built for, from its PE header
  $newest = Get-Newest
  $found = @{}
  foreach ($name in 'iaasvmprovider.dll', 'IaaSBcdrExtension.exe') {
    $path = "$plugin\$newest\$name"
    $found[$name] = $null
    if (Test-Path -LiteralPath $path) { $found[$name] = @{ size = (Get-Item -LiteralPath $path).Length; machine = Get-Machine $path } }
  }
  @{ version = $newest; files = $found }
}

function Get-Machine([string]$Path) { # 0x8664: x64, 0xaa64: ARM64, 0x14c: 32-bit; empty: no PE file
  if ($PSVersionTable.PSVersion.Major -ge 6) { $bytes = @(Get-Content -LiteralPath $Path -AsByteStream -TotalCount 1024) }
  else { $bytes = @(Get-Content -LiteralPath $Path -Encoding Byte -TotalCount 1024) }
  if ($bytes.Length -lt 64 -or $bytes[0] -ne 77 -or $bytes[1] -ne 90) { return '' }
  $at = $bytes[60] + 256 * $bytes[61]
  if ($bytes.Length -lt $at + 6) { return '' }
  '0x{0:x}' -f ($bytes[$at + 4] + 256 * $bytes[$at + 5])
}

function Get-ExtensionStatus { # the newest status file, by its number
  $newest = Get-Newest
  $files = @(Get-ChildItem -Path "$plugin\$newest\Status\*.status" | Where-Object { $_.Name -match '^[0-9]+\.status$' })
  if (-not $files) { throw 'abp:absent:' }
  $file = @($files | Sort-Object { [int]($_.Name -replace '\D', '') })[-1]
  @{ name = $file.Name; mtime = $file.LastWriteTimeUtc; text = @(Get-Content -LiteralPath $file.FullName) -join "`n" }
}

function Get-Runtimes { # Visual C++ runtimes for x64
  $found = @{}
  foreach ($key in "$software\VisualStudio\12.0\VC\Runtimes\X64", "$software\VisualStudio\14.0\VC\Runtimes\X64",
    "$software32\VisualStudio\12.0\VC\Runtimes\X64", "$software32\VisualStudio\14.0\VC\Runtimes\X64") {
    try { $found[$key] = Get-Values $key 'Installed', 'Version' } catch { if ((Get-Status $_).status -ne 'absent') { throw } }
  }
  $found
}

function Get-Writers { # vssadmin, and once more after some seconds when not every writer is stable ([1])
  $first = Wait-Tool $vssadmin 20
  $samples = @($first)
  if ($first.code -eq 0 -and @($first.output -split "`n" | Where-Object { $_ -match '\[[0-9]+\]' -and $_ -notmatch '\[1\]' })) {
    Start-Sleep -Seconds 5
    $samples = $first, (Wait-Tool (Start-Tool 'vssadmin.exe' 'list writers') 10)
  }
  @{ samples = $samples }
}

function Get-Locks { # BitLocker: 0 unlocked, 1 locked
  if ($state.cim) { throw $state.cim }
  $space = 'root/cimv2/Security/MicrosoftVolumeEncryption'
  $volumes = @(Get-CimInstance -Namespace $space -Query 'SELECT * FROM Win32_EncryptableVolume' -OperationTimeoutSec 5)
  @{
    items = @($volumes | ForEach-Object {
      @{ drive = "$($_.DriveLetter)"; lock = (Invoke-CimMethod -InputObject $_ -MethodName GetLockStatus).LockStatus }
    })
  }
}

function Get-ProcessorSamples { # counters of all processors together, one second apart
  $samples = @()
  foreach ($number in 1..4) {
    $query = "SELECT PercentProcessorTime,Timestamp_Sys100NS FROM Win32_PerfRawData_PerfOS_Processor WHERE Name='_Total'"
    $samples = $samples + (Get-Objects $query).items[0]
    if ($number -lt 4) { Start-Sleep -Seconds 1 }
  }
  @{ samples = $samples }
}

function Get-FirewallRules { # those that block outbound traffic, as the registry holds them; their keywords are never translated
  $rules = @{}
  foreach ($key in "$control\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules",
    'HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\WindowsFirewall\FirewallRules') {
    try {
      $values = Get-Values $key '*'
      foreach ($name in $values.Keys) {
        $rule = "$($values[$name])"
        if ($rule -like '*|Action=Block|*' -and $rule -like '*|Active=TRUE|*' -and $rule -like '*|Dir=Out|*') { $rules[$name] = $rule }
      }
    }
    catch { if ((Get-Status $_).status -ne 'absent') { throw } }
  }
  $rules
}

function Get-EnvironmentProxies { # of the machine: what a service sees
  $values = Get-Values "$control\Control\Session Manager\Environment" '*'
  $found = @{}
  foreach ($name in $values.Keys) { if ($name -match '(?i)^(https?|all|no)_proxy$') { $found[$name.ToLower()] = "$($values[$name])" } }
  $found
}

function Get-WinHttp {
  $values = Get-Values "HKEY_LOCAL_MACHINE\$internet\Connections" 'WinHttpSettings'
  if ($values.WinHttpSettings -contains 64) { throw 'abp:unsupported:the setting holds an @, so perhaps a password: not read' }
  $values
}

function Get-StorageHosts { # each by name, by TLS, by port 8443
  @{
    items = @($storageHosts | ForEach-Object {
      $name = $_
      @{
        host = $name
        dns = Get-Outcome { Get-Addresses $name }
        https = Get-Outcome { Get-Certificate $https[$name] $name }
        port8443 = Get-Outcome { Test-Port $port8443[$name] }
      }
    })
  }
}

function Get-ProxyAnswers { # what the proxy says to CONNECT
  $proxy = Get-Proxy
  if (-not $proxy) { throw 'abp:absent:' }
  @{
    proxy = "$($proxy.host):$($proxy.port)"
    items = @($storageHosts | ForEach-Object {
      $name = $_
      $socket = Open-Socket $proxy.host $proxy.port
      $request = "CONNECT ${name}:443 HTTP/1.1`r`nHost: ${name}:443`r`n`r`n"
      $answer = Get-Outcome {
        try { @{ status = 'ok'; line = @((Send-Request (Wait-Socket $socket) $request) -split "`r`n")[0] } }
        finally { if ($socket.client) { $socket.client.Close() } }
      }
      @{ host = $name; answer = $answer }
    })
  }
}

function Get-Letters { # drives that hold the warning file of Azure's temporary disk
  $drives = Get-Objects 'SELECT DeviceID FROM Win32_LogicalDisk WHERE DriveType=3'
  @{ drives = @($drives.items | ForEach-Object { $_.DeviceID } | Where-Object { Test-Path -LiteralPath "$_\DATALOSS_WARNING_README.txt" }) }
}

# --- Logs, for --collect-logs: what support asks for, the end of each file ---------------------------------------------------

function Get-PluginLogs { # the newest of the backup extension
  $files = @(Get-ChildItem -Path "$azure\Logs\Plugins\$backup\*\*.log")
  @($files | Sort-Object LastWriteTimeUtc | Select-Object -Last 20 | ForEach-Object { $_.FullName })
}

function Get-LogEnd([string]$Path) { # whole lines, so that no half of a secret stays; certificates and settings are long base64 words
  $text = (@(Get-Content -LiteralPath $Path -Tail 500) -join "`n") -replace '[A-Za-z0-9+/]{80,}={0,2}', '***'
  if ($text.Length -gt 65536) { $text = $text.Substring($text.Length - 65536) -replace '^[^\n]*\n', '' }
  @{ text = $text }
}

# --- All of it, in order. What takes long begins first --------------------------------------------------------------------------

"$Nonce azure-backup-preflight 1 windows"
Section 'run' '' { Get-Run }

if ($Logs -eq 'yes') {
  $state.logs = "$azure\Logs\WaAppAgent.log", "$azure\Logs\TransparentInstaller.log"
  Section 'log_paths' '' {
    $state.logs = $state.logs + @(Get-PluginLogs)
    @{ paths = $state.logs }
  }
  foreach ($path in $state.logs) { Section 'log' $path { Get-LogEnd $path } }
  "$Nonce done $($state.sections)"
  return
}

$vssadmin = $null
try { $vssadmin = Start-Tool 'vssadmin.exe' 'list writers' } catch { $vssadmin = $_ }
$wireserver = Open-Socket '168.63.129.16' 80
$hostgaplugin = Open-Socket '168.63.129.16' 32526
$imds = Open-Socket '169.254.169.254' 80
$https = @{}
$port8443 = @{}
foreach ($name in $storageHosts) {
  $https[$name] = Open-Socket $name 443
  $port8443[$name] = Open-Socket $name 8443
}

Section 'identity' '' { Get-Identity }
Section 'os' '' {
  Get-Values "$software\Windows NT\CurrentVersion" 'ProductName', 'CurrentBuildNumber', 'UBR', 'DisplayVersion', 'InstallationType'
}
Section 'bios' '' { Get-Values 'HKEY_LOCAL_MACHINE\HARDWARE\DESCRIPTION\System\BIOS' 'SystemManufacturer', 'SystemProductName' }
Section 'chassis' '' { Get-Objects 'SELECT SMBIOSAssetTag FROM Win32_SystemEnclosure' }
Section 'cpu' '' { Get-ProcessorSamples }
Section 'memory' '' { Get-Objects 'SELECT TotalVisibleMemorySize,FreePhysicalMemory FROM Win32_OperatingSystem' }
Section 'reboot_pending' '' { Get-Pending }
Section 'strong_crypto' '' { Get-StrongCrypto }

foreach ($name in $services) {
  Section 'service' $name { Get-Values "$control\Services\$name" 'Start', 'ImagePath', 'ObjectName' }
}
Section 'service_states' '' {
  $these = @($services | ForEach-Object { "Name='$_'" }) -join ' OR '
  Get-Objects "SELECT Name,State,StartMode,ProcessId,ExitCode FROM Win32_Service WHERE Name LIKE 'MSSQL%' OR $these"
}
foreach ($name in 'RdAgent', 'WindowsAzureGuestAgent') {
  Section 'service_query' $name { Wait-Tool (Start-Tool 'sc.exe' "query $name") 5 }
  Section 'service_program' $name { Get-Program $name }
}
Section 'processes' '' { Get-Running }
Section 'agent_guest' '' {
  Get-Values "$software\Virtual Machine\Guest" 'GuestAgentVersion', 'GuestAgentStatus', 'DhcpWithFabricAddressTime'
}
Section 'windows_azure' '' { Get-Values "$software\Windows Azure" 'VmId' }
Section 'agent_folders' '' { Get-Folders $azure '^GuestAgent' }
Section 'agent_log' '' { Get-File "$azure\Logs\WaAppAgent.log" }
Section 'agent_log_lines' '' { Get-LogLines }
Section 'aggregate_status' '' { Get-AggregateStatus }
Section 'programs' '' { Get-Programs }
Section 'dotnet' '' { Get-Values "$software\NET Framework Setup\NDP\v4\Full" 'Release', 'Version' }

Section 'handlers' '' { Get-Each "$software\Windows Azure\HandlerState" '' '*' "${backup}_*" }
Section 'extension_folders' '' { Get-Folders $plugin '^[0-9]+(\.[0-9]+){1,3}$' }
Section 'extension_files' '' { Get-ExtensionFiles }
Section 'extension_status' '' { Get-ExtensionStatus }
Section 'vc_runtimes' '' { Get-Runtimes }
Section 'bcdr_agent' '' { Get-Values "$software\BcdrAgent" 'USEVSSCOPYBACKUP' }
Section 'sql_instances' '' { Get-Values "$software\Microsoft SQL Server\Instance Names\SQL" '*' }

Section 'bitlocker' '' { Get-Locks }
Section 'acl' 'MachineKeys' { @{ sddl = (Get-Acl -LiteralPath "$crypto\RSA\MachineKeys").Sddl } }
foreach ($name in 'Keys', 'RSA', 'SystemKeys') {
  Section 'acl' $name { @{ sddl = (Get-Acl -LiteralPath "$crypto\$name").Sddl } }
}
Section 'crashes' '' { Get-Events 'Application' @{ ProviderName = 'Application Error'; Id = 1000 } }
Section 'applocker' '' { Get-Events 'Microsoft-Windows-AppLocker/EXE and DLL' @{ Id = 8004 } }
Section 'defender' '' { Get-Objects 'SELECT ExclusionPath FROM MSFT_MpPreference' 'root/Microsoft/Windows/Defender' }
Section 'wmi_registry' '' {
  if ($state.cim) { throw $state.cim }
  $arguments = @{ hDefKey = [uint32]2147483650; sSubKeyName = 'SYSTEM\CurrentControlSet\Services\Winmgmt'; sValueName = 'Start' }
  @{ code = (Invoke-CimMethod -ClassName StdRegProv -MethodName GetDWORDValue -Arguments $arguments -OperationTimeoutSec 5).ReturnValue }
}

Section 'disks' '' { Get-Objects 'SELECT Index,Size,Model,InterfaceType,MediaType FROM Win32_DiskDrive' }
Section 'partitions' '' { Get-Objects 'SELECT DiskNumber,DriveLetter FROM MSFT_Partition' 'root/Microsoft/Windows/Storage' }
Section 'resource_disk' '' { Get-Letters }
Section 'volumes' '' { Get-Objects 'SELECT DeviceID,Size,FreeSpace FROM Win32_LogicalDisk WHERE DriveType=3' }
Section 'storage_pools' '' {
  Get-Objects 'SELECT FriendlyName FROM MSFT_StoragePool WHERE IsPrimordial=FALSE' 'root/Microsoft/Windows/Storage'
}

Section 'interfaces' '' {
  Get-Each "$control\Services\Tcpip\Parameters\Interfaces" '' 'EnableDHCP', 'IPAddress', 'DhcpIPAddress', 'DhcpServer',
    'DefaultGateway', 'DhcpDefaultGateway', 'NameServer', 'DhcpNameServer', 'DhcpInterfaceOptions'
}
Section 'connections' '' {
  Get-Each "$control\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}" '\Connection' 'Name'
}
Section 'routes' '' {
  $columns = 'DestinationPrefix,NextHop,InterfaceIndex,InterfaceAlias,RouteMetric'
  Get-Objects "SELECT $columns FROM MSFT_NetRoute WHERE AddressFamily=2" 'root/StandardCimv2'
}
Section 'persistent_routes' '' { @{ names = @((Get-Values "$control\Services\Tcpip\Parameters\PersistentRoutes" '*').Keys) } }
Section 'firewall_rules' '' { Get-FirewallRules }
Section 'winhttp' '' { Get-WinHttp }
Section 'system_proxy' '' {
  Get-Values "HKEY_USERS\S-1-5-18\$internet" 'ProxyEnable', 'ProxyServer', 'ProxyOverride'
}
Section 'proxy_environment' '' { Get-EnvironmentProxies }

Section 'http' 'wireserver' { Get-Answer $wireserver '168.63.129.16' '/?comp=versions' }
Section 'http' 'hostgaplugin' { Get-Answer $hostgaplugin '168.63.129.16:32526' '/versions' }
Section 'http' 'imds' { Get-Answer $imds '169.254.169.254' '/metadata/instance/compute/storageProfile?api-version=2021-11-01' }
if ($storageHosts) { Section 'storage' '' { Get-StorageHosts } }
Section 'proxy_connect' '' { Get-ProxyAnswers }

Section 'vss_writers' '' {
  if ($null -eq $vssadmin.process) { throw $vssadmin }
  Get-Writers
}
Section 'clock' '' { @{ clock = Get-Date } }
"$Nonce done $($state.sections)"
